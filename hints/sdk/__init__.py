"""Asking providers by their SDKs, which requirements-ai.txt names: nobody imports this before a model is asked."""
