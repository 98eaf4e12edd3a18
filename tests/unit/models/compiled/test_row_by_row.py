"""An operation that adds in an order of BLAS's, or within rows, says that rows are not alone."""

import inspect
import pkgutil
import re
from importlib import import_module

import pytest

from serve_app.models import compiled
from serve_app.models.compiled.arithmetic import Cast, MatMul
from serve_app.models.compiled.ensembles import Average
from serve_app.models.compiled.model import Program
from serve_app.models.compiled.operation import KINDS, Chain, computes_row_by_row

for module in pkgutil.iter_modules(compiled.__path__, compiled.__name__ + "."):
    import_module(module.name)
BY_SHAPE = re.compile(r" @ |einsum|np\.dot|np\.inner|tensordot|linalg|squared_distances\(")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_products_of_matrices_are_never_taken_for_row_by_row(kind):
    source = inspect.getsource(KINDS[kind])
    assert not (KINDS[kind].row_by_row and BY_SHAPE.search(source))


def test_a_program_computes_row_by_row_where_all_inside_it_does():
    cast, product = Cast("float32"), MatMul(None)
    assert computes_row_by_row(Program(Chain((cast,)), classes=cast))
    assert not computes_row_by_row(Program(Chain((cast, product))))
    assert not computes_row_by_row(Program(cast, raw=Average((cast, product), None, False)))
