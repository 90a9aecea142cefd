'use strict';

const COUPONS = {SPRING: {percent: 10}};

class Shop {
  constructor(currency) {
    this.currency = currency;
  }

  show(cents) {
    return `${this.currency} ${(cents / 100).toFixed(2)}`;
  }
}

function discount(total, coupon) {
  const {percent} = COUPONS[coupon];
  return Math.floor((total * percent) / 100);
}

function quote(basket, coupon) {
  const total = basket.reduce((sum, line) => sum + line.price * line.count, 0);
  return total - discount(total, coupon);
}

function _rounded(cents) {
  return Math.floor(cents / 5) * 5;
}

module.exports = {Shop, discount, quote, _rounded};
