"""Users, invitations, keys and identities in Django admin."""

import base64
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from accounts import erasing, keys, names, roster, signing_up
from accounts.forms import UserAddForm, UserEditForm
from accounts.models import OWN_USERS, ApiKey, Identity, Invitation, User

TROUBLES_SHOWN = 50
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    list_display = ("username", "email", "is_staff", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    actions = ("block", "unblock", "erase")
    form = UserEditForm
    add_form = UserAddForm

    # --- who may change whom ---

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_ours = obj is not None and obj.username in OWN_USERS
        return super().has_delete_permission(request, obj) and _is_in_reach(request, obj) and not is_ours

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        powers = () if cast(User, request.user).is_superuser else POWERS
        name = ("username",) if obj is not None and obj.username in OWN_USERS else ()
        return (*super().get_readonly_fields(request, obj), *powers, *name)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        if "username" in form.changed_data:
            obj.folded_name = names.folded(obj.username)  # an old name may have had none
        super().save_model(request, obj, form, change)

    # --- blocking ---

    @admin.action(permissions=["change"], description="Block selected users")
    def block(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """They are signed out with their next request; keys, tokens and passwords open nothing."""
        self._let_in(request, users, False)

    @admin.action(permissions=["change"], description="Unblock selected users")
    def unblock(self, request: HttpRequest, users: QuerySet[User]) -> None:
        self._let_in(request, users, True)

    def _let_in(self, request: HttpRequest, users: QuerySet[User], is_active: bool) -> None:
        """Nobody's own account, none that the platform itself uses, and no superuser's but by a superuser."""
        me = cast(User, request.user)
        theirs = users.exclude(pk=me.pk).exclude(username__in=OWN_USERS).filter(erasure_asked_at=None)
        if not me.is_superuser:
            theirs = theirs.exclude(is_superuser=True)
        left_out = users.count() - theirs.count()
        changed = list(theirs.filter(is_active=not is_active))
        word = "unblocked" if is_active else "blocked"
        if changed:
            User.objects.filter(pk__in=[user.pk for user in changed]).update(is_active=is_active)
            LogEntry.objects.log_actions(me.pk, changed, CHANGE, f"{word.capitalize()}.")
        count = "1 user is" if len(changed) == 1 else f"{len(changed)} users are"
        self.message_user(request, f"{count} {word} now.", messages.SUCCESS)
        if left_out:
            words = f"{left_out} cannot be {word} by you: yourself, the platform's own users, superusers, the erased."
            self.message_user(request, words, messages.WARNING)

    # --- erasing ---

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return cast(User, request.user).is_superuser

    @admin.action(permissions=["erase"], description="Erase selected learners and all of theirs")
    def erase(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """After a page that asks once more. Workers do it: the web does not talk to backends."""
        if "confirmed" not in request.POST:
            context = self.admin_site.each_context(request) | {
                "title": "Erase learners",
                "opts": self.opts,
                "users": users,
                "action_checkbox_name": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/accounts/user/erase.html", context)
        for user in users:
            self._ask_to_erase(request, user)
        return None

    def _ask_to_erase(self, request: HttpRequest, user: User) -> None:
        try:
            erasing.ask(user)
        except erasing.CannotErase as error:
            self.message_user(request, str(error), messages.WARNING)
            return
        LogEntry.objects.log_actions(cast(User, request.user).pk, [user], DELETION, "To be erased.")
        words = f"“{user.username}” can do nothing any more, and is erased once nothing of theirs is judged."
        self.message_user(request, words, messages.SUCCESS)

    # --- importing ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="accounts_user_import"), *super().get_urls()]

    @method_decorator(never_cache)
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Learners from a list; passwords that were made up are in the answer, and nowhere else."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._import_page(request)
        upload = request.FILES.get("list")
        try:
            newcomers = roster.read(upload.read(roster.MAX_BYTES + 1) if upload else b"")
            users = roster.enrol(newcomers)
        except roster.RosterRefused as refused:
            return self._import_page(request, refused)
        LogEntry.objects.log_actions(cast(User, request.user).pk, users, ADDITION, "Imported from a list.")
        made_up = [one for one in newcomers if one.is_made_up]
        context = self._context(request) | {
            "newcomers": newcomers,
            "made_up": made_up,
            "download": _download(made_up),
        }
        return TemplateResponse(request, "admin/accounts/user/imported.html", context)

    def _import_page(
        self, request: HttpRequest, refused: roster.RosterRefused | None = None
    ) -> TemplateResponse:
        troubles = refused.troubles if refused else ()
        context = self._context(request) | {
            "refused": refused,
            "troubles": troubles[:TROUBLES_SHOWN],
            "more_troubles": len(troubles[TROUBLES_SHOWN:]),
            "max_rows": roster.MAX_ROWS,
            "max_bytes": roster.MAX_BYTES,
            "max_own_passwords": roster.MAX_OWN_PASSWORDS,
        }
        return TemplateResponse(request, "admin/accounts/user/import.html", context)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {"title": "Import learners", "opts": self.opts}


def _is_in_reach(request: HttpRequest, user: User | None) -> bool:
    """Superusers, and the users that the platform itself uses, are in the hands of superusers only."""
    is_guarded = user is not None and (user.is_superuser or user.username in OWN_USERS)
    return not is_guarded or cast(User, request.user).is_superuser


def _download(newcomers: list[roster.Newcomer]) -> str:
    """The names and passwords as the address of a CSV file, for a link that needs no second request."""
    lines = ["username,password", *(f"{one.user.username},{one.password}" for one in newcomers)]
    data = base64.b64encode("".join(f"{line}\r\n" for line in lines).encode()).decode()
    return f"data:text/csv;base64,{data}"


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin[Invitation]):
    list_display = ("__str__", "uses_left", "expires_at", "created_at")
    fields = ("note", "uses_left", "expires_at", "link")
    readonly_fields = ("link",)

    @admin.display(description="link to send")
    def link(self, invitation: Invitation) -> str:
        if not invitation.code:
            return "It is shown once the invitation is saved."
        return f"{settings.PUBLIC_URL}{reverse('signup')}?{urlencode({'code': invitation.code})}"

    def save_model(
        self, request: HttpRequest, invitation: Invitation, form: ModelForm[Invitation], change: bool
    ) -> None:
        if change:
            invitation.save(update_fields=form.changed_data)
            return
        invitation.code = signing_up.new_code()
        invitation.save()

    def response_add(
        self, request: HttpRequest, invitation: Invitation, post_url_continue: str | None = None
    ) -> HttpResponse:
        answer = super().response_add(request, invitation, post_url_continue)
        self.message_user(request, f"Send them this link: {self.link(invitation)}", messages.SUCCESS)
        if settings.SIGNUP != "invite":
            words = f"SIGNUP is “{settings.SIGNUP}”: invitations work only where it is “invite”."
            self.message_user(request, words, messages.WARNING)
        return answer


class Unchangeable:
    """Rows that are made elsewhere: here they are looked at, and deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(Unchangeable, admin.ModelAdmin[ApiKey]):
    """Nobody can be shown a key's text again: users make theirs themselves, operators use `create_api_key`."""

    list_display = ("beginning", "name", "user", "allows", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    search_fields = ("prefix", "name", "user__username")
    list_select_related = ("user",)
    fields = (*list_display, "created_at")
    actions = ("revoke",)

    @admin.display(description="key", ordering="prefix")
    def beginning(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description="allows")
    def allows(self, key: ApiKey) -> str:
        """Less than it was given, where its user has lost rights."""
        return ", ".join(sorted(keys.effective_scopes(key))) or "nothing"

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        usable = list(queryset.filter(revoked_at__isnull=True))
        for key in usable:
            keys.revoke(key)
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(usable)} revoked.")


@admin.register(Identity)
class IdentityAdmin(Unchangeable, admin.ModelAdmin[Identity]):
    list_display = ("subject", "issuer", "user", "created_at")
    search_fields = ("subject", "user__username")
    list_select_related = ("user",)
    fields = list_display
