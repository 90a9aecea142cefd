fn main() {
    base::witness("plain");
    println!("plain {:?}", std::env::args().skip(1).collect::<Vec<_>>());
}
