fn main() {
    println!("{}", app::two());
}

#[test]
fn in_the_binary() {
    base::witness("in_the_binary");
}
