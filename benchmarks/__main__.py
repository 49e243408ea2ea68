"""``python -m benchmarks [NAME ...]``: run the benchmarks and print a table each."""

import argparse
import importlib
import pkgutil

import benchmarks


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_"))
    short = [n.removeprefix("bench_") for n in names]
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(short)}; left out, all")
    chosen = parser.parse_args().names or short
    unknown = sorted(set(chosen) - set(short))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(short)}")
    for name in chosen:
        importlib.import_module(f"benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main()
