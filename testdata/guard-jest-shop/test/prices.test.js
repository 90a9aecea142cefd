const {quote, Shop} = require('../src/prices');

test('a coupon takes its part off', () => {
  expect(quote([{price: 1000, count: 2}], 'SPRING')).toBe(1800);
});

test('a price is shown in its currency', () => {
  expect(new Shop('EUR').show(1999)).toBe('EUR 19.99');
});
