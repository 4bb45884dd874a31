"""What the group `Authors` may do. Kept by `migrate`, since the permissions too are rows that it makes.

Whoever needs other rights makes another group: this one gets its permissions back with the next `migrate`.
"""

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission

from accounts.models import AUTHORS

PERMISSIONS = {
    "questions": [
        f"{action}_{model}"
        for model in ("question", "testcase", "tag", "startercode", "referencesolution")
        for action in ("add", "change", "delete", "view")
    ],
    "submissions": ["view_submission", "add_rejudgeset"],
    "hints": ["view_hintrequest"],
}


def grant(app_config: AppConfig, using: str) -> None:
    """Give the group what it may do in this app; nothing where authors have no business."""
    codenames = PERMISSIONS.get(app_config.label)
    if codenames is None:
        return
    group, _ = Group.objects.using(using).get_or_create(name=AUTHORS)
    granted = Permission.objects.using(using).filter(
        content_type__app_label=app_config.label, codename__in=codenames
    )
    group.permissions.add(*granted)
