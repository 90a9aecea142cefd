def inspect(request):
    return {"v": 1, "tests": [], "findings": []}
