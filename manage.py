#!/usr/bin/env python3
"""Django's command line for this project. A setting that makes no sense is one sentence, no traceback."""

import gc
import os
import sys


def main() -> None:
    gc.disable()  # what is loaded now stays: looking through it for garbage took a quarter of the start
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "judgeplatform.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        if sys.argv[1:2] == ["runengine"]:
            run_engine()
        else:
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def run_engine() -> None:
    """The command without the apps: the engine uses none, and they would cost it a second and half its memory."""
    from django.conf import settings
    from django.utils.log import configure_logging

    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    from execution.management.commands.runengine import Command

    gc.enable()
    Command().run_from_argv(sys.argv)


if __name__ == "__main__":
    main()
