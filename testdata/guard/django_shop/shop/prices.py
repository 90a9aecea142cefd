def reduced(price, percent):
    return price - price * percent / 100
