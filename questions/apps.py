"""What is to be solved: questions, testcases, and the pages and admin for them."""

from django.apps import AppConfig


class QuestionsConfig(AppConfig):
    name = "questions"
