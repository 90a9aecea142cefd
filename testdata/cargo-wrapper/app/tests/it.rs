#[test]
fn runs_the_binary() {
    base::witness("runs_the_binary");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_app")).output().unwrap();
    assert_eq!(output.stdout, b"2\n");
}

mod deep {
    mod r#type {
        #[test]
        fn größe() {
            base::witness("größe");
        }
    }
}
