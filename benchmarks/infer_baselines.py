"""The baselines of `benchmarks.infer`, each as a program, so that wall-clock time includes everything.

    python -m benchmarks.infer_baselines reference|pipeline MODEL DATA OUTPUT --threads N --shard K/N

`reference` is the reference workflow on a CPU: TorchScript in fp32, one
sentence a call, padded to 256, one npz file each. `pipeline` is
`transformers.pipeline("token-classification")`, one sentence a call.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ner_jobs.corpus.encoding import join_tokens
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import read_sentences

LENGTH = 256


def reference(model: Path, sentences: list[tuple[int, Sentence]], output: Path) -> None:
    """Run the fixed TorchScript as `run_torchscript.py` does, and save `output_0` of each sentence."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    graph = torch.jit.load(str(model / f"fixed-1x{LENGTH}.torchscript.pt"), map_location="cpu").eval()
    with torch.no_grad():
        for number, sentence in sentences:
            encoded = tokenizer(
                list(sentence.tokens),
                is_split_into_words=True,
                padding="max_length",
                truncation=True,
                max_length=LENGTH,
                return_tensors="pt",
            )
            logits = graph(
                encoded["input_ids"],
                encoded["attention_mask"],
                encoded.get("token_type_ids", torch.zeros_like(encoded["input_ids"])),
            )
            np.savez(output / f"{number:06d}.npz", output_0=logits.float().numpy())


def pipeline(model: Path, sentences: list[tuple[int, Sentence]], output: Path) -> None:
    """Run the pipeline on the text of each sentence, and write its entities as JSON Lines."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    classify = transformers.pipeline(
        "token-classification", model=str(model), device="cpu", aggregation_strategy="simple"
    )
    # Without this it fails on sentences longer than the model's position embeddings.
    classify.tokenizer.model_max_length = classify.model.config.max_position_embeddings
    with (output / f"entities-{sentences[0][0]}.jsonl").open("w", encoding="utf-8") as file:
        for _, sentence in sentences:
            found = classify(join_tokens(sentence.tokens)[0])
            for entity in found:
                entity["score"] = float(entity["score"])
            file.write(json.dumps({"id": sentence.id, "entities": found}, ensure_ascii=False) + "\n")


WAYS: dict[str, Callable[[Path, list[tuple[int, Sentence]], Path], None]] = {
    "reference": reference,
    "pipeline": pipeline,
}


def main() -> None:
    """Run one baseline on one shard of the sentences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shard", default="0/1", help="K/N: sentences K, K+N, K+2N, …")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    first, _, step = options.shard.partition("/")
    numbered = list(enumerate(read_sentences(options.data)))[int(first) :: int(step)]
    options.output.mkdir(parents=True, exist_ok=True)
    WAYS[options.way](options.model, numbered, options.output)


if __name__ == "__main__":
    main()
