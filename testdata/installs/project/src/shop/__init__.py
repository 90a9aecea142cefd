from shop.prices import with_tax

__all__ = ["with_tax"]
