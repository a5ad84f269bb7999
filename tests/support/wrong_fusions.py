"""Ways to fuse two rankings that cannot be meant, as they are typed, and what is said of each."""


def wrong_fusions(each):
    """each: what has a weight, as a sentence has it after "each"."""
    return [
        (["--weights", "1"], f"--weights has 1 numbers; expected 2, one for each {each}"),
        (["--weights", "1,2,3"], f"--weights has 3 numbers; expected 2, one for each {each}"),
        (["--weights", "1,x"], "--weights is 'x'; expected a number as 2.5"),
        (["--weights", "1,"], "--weights is ''; expected a number as 2.5"),
        (["--weights", "1,-1"], "--weights has -1.0; expected numbers from 0 to 1,000,000"),
        (["--weights", "nan,1"], "--weights has nan; expected numbers from 0 to 1,000,000"),
        (["--weights", "0,0"], "--weights has zeros alone; expected one above 0"),
        (
            ["--weights", "1,2", "--rrf-k", "3"],
            "--rrf-k is for reciprocal rank fusion and --weights for a weighted sum; leave out one of them",
        ),
        (["--rrf-k", "-1"], "--rrf-k is -1; expected at least 0"),
        (["--rrf-k", "1.5"], "--rrf-k is '1.5'; expected a whole number in digits 0 to 9"),
    ]
