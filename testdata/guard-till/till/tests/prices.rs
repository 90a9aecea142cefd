use till::prices::{quote, Line};

#[test]
fn a_coupon_takes_its_part_off() {
    assert_eq!(quote(&[Line { cents: 1000, count: 2 }], "SPRING"), 1800);
}
