"""`python -m tests.keda FILE...`: hold KEDA's resources in manifests to their definitions; unknown keys are wrong."""

import sys
from pathlib import Path

import yaml
from cloudcoil.models.keda import v1alpha1
from pydantic import ValidationError

KINDS = {kind.__name__: kind for kind in (v1alpha1.ScaledObject, v1alpha1.TriggerAuthentication)}


def main() -> None:
    """Print what is wrong, a resource at a time; exit code 1 where something is, or where nothing was found."""
    checked = 0
    for file in map(Path, sys.argv[1:]):
        for resource in yaml.safe_load_all(file.read_text()):
            if resource["apiVersion"] != "keda.sh/v1alpha1":
                continue
            try:
                KINDS[resource["kind"]].model_validate(resource, extra="forbid")
            except ValidationError as error:
                sys.exit(f"{file}: {resource['kind']}: {error}")
            checked += 1
    sys.stdout.write(f"{checked} resources of KEDA are as they should be\n")
    sys.exit(not checked)


if __name__ == "__main__":
    main()
