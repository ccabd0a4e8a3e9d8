"""`python -m services.stack`: start everything in the foreground."""

import sys

from services.stack.processes import StackError
from services.stack.up import up

try:
    sys.exit(up())
except StackError as error:
    sys.exit(f"\n{error}")
