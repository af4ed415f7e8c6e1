"""`python -m podbrief_assets.migrations "what changed"`: write the next revision."""

import sys

from podbrief_assets import migrations

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('python -m podbrief_assets.migrations "what changed"')
    print(migrations.write_revision(sys.argv[1]))
