"""Stage 4: train the document encoder and the query table on what the teachers say.

    python examples/train_embedded/train.py --prepared prepared --taught taught.pt --warm warm --out run --steps 4000
    python examples/train_embedded/train.py ... --resume
    torchrun --nproc-per-node 4 examples/train_embedded/train.py ...

A step has some queries, each with its own passage and some other candidates. The loss is the KL divergence from the
teachers' softmax over these, InfoNCE among all passages of the batch, and FLOPS of the passages.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from backbone import compile_layers
from batches import batch_of, read_taught
from beginning import go_on_from, make_sparse, warmed_student
from exact import grades_of, small_collection, sparse_ranking
from frames import HELD_OUT, TRAINED, frame_tokens
from measures import by_source, ndcg
from objective import Objective
from prepared import Prepared, read_prepared
from ranks import Ranks
from runs import Run, generator, groups_of_parameters, shuffled, warmed_and_decayed
from student import Student
from torch import nn

from sparton.head import ACTIVATIONS

_LOGGED = 50  # steps, a line of the log
_DEAREST = 10.0  # most that FLOPS of a frequent term counts, in means


def evaluated(student: Student, prepared: Prepared, frames: torch.Tensor) -> dict[str, float]:
    """nDCG@10 on the small collection, of the queries as they are, and with other words around each; frames: int64
    [1 + F, L]."""
    development = prepared.development
    texts = prepared.passages, small_collection(development)
    around = frames[1 + torch.arange(len(development.queries)) % (len(frames) - 1)]
    asked = student.eval().query_weights(prepared.queries, development.queries)
    framed = student.query_weights(prepared.queries, development.queries, around)
    ranked, terms = sparse_ranking(student, texts, torch.cat([asked, framed]), 10)
    student.train()
    ndcgs = (
        by_source(ndcg(some, grades_of(development)), development.sources)["macro"] for some in np.split(ranked, 2)
    )
    return dict(zip(("ndcg", "ndcg_framed"), ndcgs, strict=True)) | {"development_terms": terms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepared", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--taught", type=Path, required=True, help="what teach.py wrote")
    parser.add_argument("--warm", type=Path, required=True, help="the run of warm_up.py")
    parser.add_argument("--begin", type=Path, help="a run of train.py whose weights to go on from")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=64, help="queries of a step, on each GPU")
    parser.add_argument("--negatives", type=int, default=7, help="candidates of a query beside the first")
    parser.add_argument("--rate", type=float, default=2e-4, help="AdamW's")
    parser.add_argument("--table-rate", type=float, default=3e-3, help="the query table's")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="log1p_relu")
    parser.add_argument("--first-terms", type=int, default=400, help="terms of a passage to begin with")
    parser.add_argument("--table-scale", type=float, default=0.25, help="what the table is to begin with, in idf")
    parser.add_argument("--scale", type=float, default=10, help="what the teachers' scores, 0 to 1, are multiplied by")
    parser.add_argument("--sharpness", type=float, default=2, help="what the student's scores are multiplied by")
    parser.add_argument("--frames", type=float, default=0.3, help="share of queries with other words around them")
    parser.add_argument("--contrast", type=float, default=1.0, help="weight of InfoNCE")
    parser.add_argument("--flops", type=float, default=1e-2, help="weight of FLOPS, from a third of the steps on")
    parser.add_argument("--without", nargs="*", default=[], help="sources that nothing is learned of")
    parser.add_argument("--few", type=int, default=128, help="terms of a passage that FLOPS does not count")
    parser.add_argument("--plain-flops", action="store_true", help="all terms cost alike, not rare ones less")
    parser.add_argument("--plain-head", action="store_true", help="compute logits, as the usual code does")
    parser.add_argument("--evaluate-every", type=int, default=1000, help="steps; 0 for never")
    parser.add_argument("--compile", action="store_true", help="compile the layers first")
    parser.add_argument("--minutes", type=float, default=8, help="stop after so many, to be resumed")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ranks = Ranks()
    device = ranks.device
    prepared = read_prepared(arguments.prepared, device)
    taught = read_taught(arguments.taught, device)
    how = {"table_scale": arguments.table_scale, "fused": not arguments.plain_head, "activation": arguments.activation}
    student = warmed_student(prepared, arguments.warm, **how).to(device)
    if arguments.begin:
        go_on_from(student, arguments.begin)
    else:
        make_sparse(student, prepared, arguments.first_terms, arguments.seed)
    if arguments.compile:
        compile_layers(student.lm)
    student.train()
    idf = torch.from_numpy(prepared.idf(len(student.usable))).to(device)
    cost = torch.ones_like(idf) if arguments.plain_flops else (idf.mean() / idf).clamp_max(_DEAREST)
    weights = {name: getattr(arguments, name) for name in ("scale", "sharpness", "contrast", "flops")}
    frames, others = (frame_tokens(prepared.tokenizer(), some, device) for some in (TRAINED, HELD_OUT))
    objective = Objective(prepared, taught, cost, arguments.few, frames, weights)
    rates = {"": arguments.rate, "table_parameter": arguments.table_rate}
    optimizer = torch.optim.AdamW(groups_of_parameters(student, 0.01, rates), fused=device == "cuda")
    examples = prepared.examples_without(arguments.without)
    free = ("prepared", "taught", "warm", "begin", "out", "compile", "evaluate_every", "minutes", "resume")
    settings = {name: value for name, value in vars(arguments).items() if name not in free}
    settings["processes"] = ranks.count
    run = Run(arguments.out, student, optimizer, settings, arguments.resume, ranks)
    tokens, since = 0, time.monotonic()
    for step in run.steps(arguments.steps, arguments.minutes):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * warmed_and_decayed(step, arguments.steps, arguments.steps // 20)
        chosen = examples[shuffled(arguments.seed, step, arguments.batch * ranks.count, len(examples))]
        chosen, random = chosen[ranks.rank :: ranks.count], generator(arguments.seed, step, ranks.rank)
        drawn = arguments.negatives, (len(TRAINED), arguments.frames)
        batch = batch_of(prepared.examples, taught, chosen, *drawn, random)
        parts = objective.parts(student, batch)
        loss = objective.loss(parts, 1.0 if arguments.begin else 3 * step / arguments.steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        ranks.average_gradients(student.parameters())
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        tokens += int(prepared.passages.lengths[batch.passages].sum())
        if step % _LOGGED == 0 or step == arguments.steps - 1:
            found = {name: part.item() for name, part in {"loss": loss, **parts}.items()}
            if device == "cuda":
                found["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
            run.log(**found, tokens_per_second=tokens / (time.monotonic() - since))
            tokens, since = 0, time.monotonic()
        if ranks.first and arguments.evaluate_every and (step + 1) % arguments.evaluate_every == 0:
            run.log(**evaluated(student, prepared, others))
            tokens, since = 0, time.monotonic()
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()  # so that the log has the peak of steps, not of this
    ranks.end()


if __name__ == "__main__":
    main()
