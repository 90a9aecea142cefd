'use strict';

const PRICES = { apple: 3, pear: 4 };

function price(item) {
  if (!(item in PRICES)) {
    throw new RangeError(`no price for ${item} of order 1234`);
  }
  return PRICES[item];
}

class Invoice {
  constructor(items) {
    this.items = items;
  }

  total() {
    return this.items.map((item) => price(item)).reduce((a, b) => a + b, 0);
  }
}

module.exports = { Invoice, price };
