"""`python -m platform_training COMMAND`."""

import sys

from .stopping import install

install()  # before anything heavy is imported: see there

from .cli import main  # noqa: E402

sys.exit(main())
