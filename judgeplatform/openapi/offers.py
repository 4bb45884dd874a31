"""What the platform offers: languages, limits, and the servers that judge."""

from django.conf import settings
from rest_framework import serializers

from execution import breaker
from execution.probes import Standing
from judgeplatform.openapi.operations import Described, Operation, answer
from submissions import backend_views, backends, offers


class OfferedLanguage(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField(), help_text="Other names for it.")
    editor_mode = serializers.CharField(help_text="What the editor Ace calls it.")
    judge0_ids = serializers.ListField(
        child=serializers.IntegerField(), help_text="What released Judge0 servers call it; names as well."
    )
    available = serializers.BooleanField(help_text="Whether a server judges it now.")


class Rate(serializers.Serializer):
    limit = serializers.IntegerField()
    window_s = serializers.IntegerField()
    remaining = serializers.IntegerField(required=False, help_text="Of limits that count for users.")
    reset_s = serializers.IntegerField(
        required=False, help_text="After how long there is one more; 0 where nothing was used up."
    )


class LimitsTold(serializers.Serializer):
    caps = type(
        "Caps", (serializers.Serializer,), {name: serializers.FloatField() for name in offers.caps()}
    )(help_text="Units are part of the names.")
    rates = type("Rates", (serializers.Serializer,), {scope: Rate() for scope in settings.RATE_LIMITS})()


class LanguageAtBackend(serializers.Serializer):
    slug = serializers.CharField()
    offered = serializers.BooleanField()
    standing = serializers.ChoiceField([one.value for one in Standing])
    since = serializers.DateTimeField(allow_null=True, help_text="When probes began to pass, or to fail.")
    detail = serializers.CharField()
    checked_at = serializers.DateTimeField(allow_null=True)
    took_ms = serializers.IntegerField(allow_null=True)


class BackendQueue(serializers.Serializer):
    waiting = serializers.IntegerField(allow_null=True)
    workers = serializers.IntegerField(allow_null=True)


class Backend(serializers.Serializer):
    url = serializers.CharField()
    state = serializers.ChoiceField(backends.State.values)
    since = serializers.DateTimeField(allow_null=True)
    breaker = serializers.ChoiceField([state.value for state in breaker.State])
    in_flight = serializers.IntegerField(allow_null=True)
    max_in_flight = serializers.IntegerField()
    languages = LanguageAtBackend(many=True)
    keeps_data = serializers.BooleanField(allow_null=True)
    queue = BackendQueue(allow_null=True)
    detail = serializers.CharField()
    checked_at = serializers.DateTimeField(allow_null=True)


OPERATIONS: Described = {
    (offers.LanguageList, "GET"): Operation(
        id="listLanguages",
        tag="Platform",
        summary="List languages",
        answers={200: answer(OfferedLanguage(many=True), "All of them.")},
    ),
    (offers.LimitList, "GET"): Operation(
        id="getLimits",
        tag="Platform",
        summary="Get all limits",
        text="How large what is sent may be, and how often one may still do what. Asking uses up nothing.",
        answers={200: answer(LimitsTold, "The limits.")},
    ),
    (backend_views.BackendList, "GET"): Operation(
        id="listBackends",
        tag="Platform",
        summary="List the servers that judge",
        text="For staff who may see submissions.",
        answers={200: answer(Backend(many=True), "In the order of `JUDGE0_URLS`.")},
    ),
}
