from typing import Optional

from fastapi import FastAPI, Header

from .stock import left

app = FastAPI()


@app.get("/stock/{name}")
def stock(name: str, wanted: int = 1):
    return {"left": left(name, wanted)}


@app.post("/names")
async def names(body: dict, x_shop: Optional[str] = Header(None)):
    return {"name": body["name"].title(), "shop": x_shop.upper()}
