//! What a basket costs.

const COUPONS: [(&str, u32); 2] = [("SPRING", 10), ("AUTUMN", 20)];

/// A line of a basket.
pub struct Line {
    pub cents: u32,
    pub count: u32,
}

/// What a basket costs with a coupon, in cents.
pub fn quote(basket: &[Line], coupon: &str) -> u32 {
    let total = basket.iter().map(|line| line.cents * line.count).sum();
    rounded(total - discount(total, coupon))
}

fn discount(total: u32, coupon: &str) -> u32 {
    let known = COUPONS.iter().find(|(name, _)| *name == coupon);
    let percent = known.map(|(_, percent)| *percent).expect("a coupon that is known");
    total * percent / 100
}

fn rounded(cents: u32) -> u32 {
    cents / 5 * 5
}
