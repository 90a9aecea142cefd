'use strict';

const { Invoice } = require('./billing');

function checkout(order) {
  return new Invoice(order.items).total();
}

module.exports = { checkout };
