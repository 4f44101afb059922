"""What a spec means: fill in every default and look up every runtime.

The API classes hold the defaults of their own fields. This module holds the
defaults that depend on another field: a split's format, the preference, the
runtime of the stages that have no variant.
"""

from collections.abc import Mapping

from ner_jobs.task import Owner, StorageSettings
from ner_jobs.task.parameters import (
    BenchmarkParameters,
    CompileParameters,
    Dataset,
    EvaluateParameters,
    ExportParameters,
    FinetuneParameters,
    GateParameters,
    InferParameters,
    PrepareParameters,
    QuantizationParameters,
)
from ner_operator.api.v1alpha1 import NerDeployment, NerDeploymentSpec, NerRuntimeSpec
from ner_operator.api.v1alpha1.data import Calibration, Data, DataSource
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.api.v1alpha1.storage import Storage
from ner_operator.api.v1alpha1.variants import Variant as VariantSpec
from ner_operator.planning.resolved import (
    Inference,
    PromotionPolicy,
    ResolvedDeployment,
    Runtime,
    Variant,
)


def resolve(deployment: NerDeployment, runtimes: Mapping[str, NerRuntimeSpec]) -> ResolvedDeployment:
    """Fill in all defaults.

    A runtime that does not exist is resolved too: `Runtime.missing` says so.

    Args:
        deployment: a valid one.
        runtimes: by name. They are added to the built-in ones, and win over them.
    """
    spec = deployment.spec
    known = {**BUILTIN_RUNTIMES, **runtimes}
    reference = next(variant.name for variant in spec.variants if variant.reference)
    reference_runtime = next(variant.runtime for variant in spec.variants if variant.name == reference)
    shared_runtime = (
        _runtime(spec.runtime, "spec.runtime", known)
        if spec.runtime
        else _runtime(reference_runtime, f"spec.variants[{reference}].runtime", known)
    )
    model, decoding = spec.model, spec.evaluation.decoding
    text = {"segmentation": model.segmentation, "max_length": model.max_length}
    return ResolvedDeployment(
        owner=Owner(
            namespace=deployment.metadata.namespace or "default",
            name=deployment.metadata.name,
            uid=deployment.metadata.uid or "",
        ),
        storage=storage_settings(spec.storage),
        runtime=shared_runtime,
        prepare=_prepare(spec),
        finetune=_finetune(spec),
        export=ExportParameters.model_validate(text),
        variants=tuple(_variants(spec, known)),
        infer=InferParameters.model_validate({**text, "decoding": decoding}),
        evaluate=EvaluateParameters(confidence=spec.evaluation.confidence),
        benchmark=_benchmark(spec),
        promotion=_promotion(spec, reference),
        inference=tuple(_inference(spec)),
        rerun=tuple(spec.rerun.written().items()) if spec.rerun else (),
    )


def _runtime(name: str, field: str, known: Mapping[str, NerRuntimeSpec]) -> Runtime:
    found = known.get(name)
    if found is None:
        missing = f"{field}: there is no NerRuntime {name}; there are {', '.join(sorted(known))}"
        return Runtime(name, missing=missing)
    stated = {"compiler": found.compiler_version, "sdk": found.sdk_version}
    return Runtime(
        name=name,
        backend=found.backend,
        image=found.image or "",
        device=found.accelerator.resource_name if found.accelerator else "",
        emulated=found.emulated,
        compiler=tuple((what, version) for what, version in stated.items() if version),
    )


def storage_settings(storage: Storage) -> StorageSettings:
    """The storage settings of a task, from `spec.storage`."""
    encryption = storage.server_side_encryption
    return StorageSettings.model_validate(
        {
            "uri": storage.uri,
            "endpoint_url": storage.endpoint_url,
            "region": storage.region,
            "path_style": storage.path_style,
            "ca_bundle": storage.ca_bundle,
            "server_side_encryption": encryption.algorithm if encryption else None,
            "kms_key_id": encryption.kms_key_id if encryption else None,
        }
    )


def _prepare(spec: NerDeploymentSpec) -> PrepareParameters:
    model, data = spec.model, spec.data
    return PrepareParameters(
        base=model.base or "",
        revision=model.revision,
        config=model.config.model_dump() if model.config else None,
        labels=model.labels,
        npz_labels=data.npz_labels,
        scheme=data.scheme,
        segmentation=model.segmentation,
        train=_dataset(data.train, data) if data.train else None,
        validation=_dataset(data.validation, data) if data.validation else None,
        test=_dataset(data.test, data),
        calibration=_dataset(data.calibration, data) if data.calibration.uri else None,
        validation_fraction=data.validation_fraction,
        calibration_size=data.calibration.size or PrepareParameters.model_fields["calibration_size"].default,
        seed=data.seed,
        max_length=model.max_length,
        finetuned=spec.finetune is not None,
    )


def _dataset(source: DataSource | Calibration, data: Data) -> Dataset:
    return Dataset(
        uri=source.uri or "",
        format=source.format or data.format,
        sha256=source.sha256,
        encoding=source.encoding or data.encoding,
        label_uri=source.label_uri if isinstance(source, DataSource) else None,
        npz_inputs=source.npz_inputs or 0,
    )


def _finetune(spec: NerDeploymentSpec) -> FinetuneParameters | None:
    if spec.finetune is None:
        return None
    written = spec.finetune.model_dump()
    written["patience"] = written.pop("early_stopping_patience")
    return FinetuneParameters(
        **written,
        max_length=spec.model.max_length,
        segmentation=spec.model.segmentation,
        decoding=spec.evaluation.decoding,
    )


def _variants(spec: NerDeploymentSpec, known: Mapping[str, NerRuntimeSpec]) -> list[Variant]:
    found: list[Variant] = []
    for variant in spec.variants:
        runtime = _runtime(variant.runtime, f"spec.variants[{variant.name}].runtime", known)
        parameters = None if runtime.missing else _compile(spec, variant, runtime.backend)
        found.append(Variant(variant.name, runtime, variant.precision, parameters))
    return found


def _compile(spec: NerDeploymentSpec, variant: VariantSpec, backend: str) -> CompileParameters:
    quantization = variant.quantization
    return CompileParameters.model_validate(
        {
            "backend": backend,
            "precision": variant.precision,
            "max_length": spec.model.max_length,
            "segmentation": spec.model.segmentation,
            "decoding": spec.evaluation.decoding,
            "quantization": QuantizationParameters(**(quantization.model_dump() if quantization else {})),
            "options": variant.options or {},
        }
    )


def _benchmark(spec: NerDeploymentSpec) -> BenchmarkParameters | None:
    benchmark = spec.benchmark
    if benchmark is None:
        return None
    return BenchmarkParameters(
        instances=benchmark.instances,
        processes=benchmark.processes,
        batch_size=benchmark.batch_size,
        seconds=benchmark.seconds,
        warmup_seconds=benchmark.warmup_seconds,
        synthetic_length=benchmark.synthetic_length or 0,
        segmentation=spec.model.segmentation,
        decoding=spec.evaluation.decoding,
        max_length=spec.model.max_length,
        dataset=_dataset(benchmark.dataset, spec.data) if benchmark.dataset else None,
    )


def _promotion(spec: NerDeploymentSpec, reference: str) -> PromotionPolicy:
    rollout = spec.rollout
    others = tuple(variant.name for variant in spec.variants if variant.name != reference)
    gates = []
    for gate in spec.evaluation.gates:
        written = gate.model_dump()
        if written["max_drop"] is not None:
            written["against"] = written["against"] or "reference"
        gates.append(GateParameters.model_validate(written))
    return PromotionPolicy(
        preference=rollout.preference or (*others, reference),
        reference=reference,
        gates=tuple(gates),
        mode=rollout.mode,
        allow_emulated=rollout.allow_emulated,
        history_limit=rollout.history_limit,
    )


def _inference(spec: NerDeploymentSpec) -> list[Inference]:
    return [
        Inference(
            entry.name,
            InferParameters(
                segmentation=spec.model.segmentation,
                decoding=spec.evaluation.decoding,
                max_length=spec.model.max_length,
                batch_size=entry.batch_size,
                npz=entry.npz,
                dataset=_dataset(entry.data, spec.data),
            ),
        )
        for entry in spec.inference
    ]
