mod billing;

#[inline(never)]
fn checkout(items: Vec<&str>) -> u32 {
    billing::Invoice { items }.total()
}

fn main() {
    let mut options = sentry::ClientOptions::default();
    options.release = Some("shop@1.4.0".into());
    options.environment = Some("production".into());
    options.server_name = Some("web-1".into());
    let guard = sentry::init((std::env::args().nth(1).expect("a DSN"), options));
    let _ = std::panic::catch_unwind(|| checkout(vec!["apple", "plum"]));
    sentry::capture_error(&std::io::Error::other("the till is closed"));
    drop(guard);
}
