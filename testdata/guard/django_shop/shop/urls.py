from django.urls import path

from . import views

urlpatterns = [path("discount", views.discount), path("search", views.search)]
