"""The rules across fields of `pod_settings.py`: variables, volumes, the pod template; see `rules.py`."""

from ner_operator.api.rule import Rule

ENV_VAR_SOURCE = (
    Rule(
        field="",
        cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
        holds=lambda it: ("secretKeyRef" in it) != ("configMapKeyRef" in it),
        message="write one of secretKeyRef and configMapKeyRef",
        reads=("secretKeyRef", "configMapKeyRef"),
    ),
)

OWN_VARIABLES = ("HOME", "HF_HOME", "TMPDIR")

_OWN_VARIABLE = Rule(
    field="name",
    cel="!self.name.startsWith('NERD_') && !(self.name in ['HOME', 'HF_HOME', 'TMPDIR'])",
    holds=lambda it: not it["name"].startswith("NERD_") and it["name"] not in OWN_VARIABLES,
    message="NERD_*, HOME, HF_HOME and TMPDIR are set by the operator: remove the variable",
)

PLAIN_ENV_VAR = (_OWN_VARIABLE,)

ENV_VAR = (
    _OWN_VARIABLE,
    Rule(
        field="",
        cel="has(self.value) != has(self.valueFrom)",
        holds=lambda it: ("value" in it) != ("valueFrom" in it),
        message="write one of value and valueFrom",
        reads=("value", "valueFrom"),
    ),
)

_VOLUME_KINDS = ("secret", "configMap", "persistentVolumeClaim", "emptyDir")

VOLUME = (
    Rule(
        field="",
        cel=" + ".join(f"(has(self.{kind}) ? 1 : 0)" for kind in _VOLUME_KINDS) + " == 1",
        holds=lambda it: sum(kind in it for kind in _VOLUME_KINDS) == 1,
        message="write one of secret, configMap, persistentVolumeClaim and emptyDir",
        reads=_VOLUME_KINDS,
    ),
)

_OWN_VOLUMES = ("scratch", "shm")

POD_TEMPLATE = (
    Rule(
        field="spec.containers",
        cel="!has(self.spec) || !has(self.spec.containers) || self.spec.containers.all(c,"
        " !has(c.volumeMounts) || c.volumeMounts.all(m, m.name in ['scratch', 'shm']"
        " || (has(self.spec.volumes) && self.spec.volumes.exists(v, v.name == m.name))))",
        holds=lambda it: (
            {
                mount["name"]
                for container in it.get("spec", {}).get("containers", ())
                for mount in container.get("volumeMounts", ())
            }
            <= {*_OWN_VOLUMES, *(volume["name"] for volume in it.get("spec", {}).get("volumes", ()))}
        ),
        message="volumeMounts must name volumes of podTemplate.spec.volumes, or scratch or shm",
        reads=("spec.volumes",),
    ),
)
