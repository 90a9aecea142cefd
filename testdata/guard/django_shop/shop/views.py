import json

from django.http import JsonResponse

from .prices import reduced


def discount(request):
    body = json.loads(request.body)
    return JsonResponse({"price": reduced(body["price"], body.get("percent"))})


def search(request):
    words = request.GET.get("q").split()
    return JsonResponse({"words": words})
