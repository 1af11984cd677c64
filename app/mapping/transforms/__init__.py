"""Transforms: the expression in CEL of a field mapping makes its value. docs/transforms.md."""

from app.mapping.transforms.inputs import Held as Held
from app.mapping.transforms.inputs import Inputs as Inputs
from app.mapping.transforms.inputs import IssueFacts as IssueFacts
from app.mapping.transforms.inputs import Target as Target
from app.mapping.transforms.problems import Rule as Rule
from app.mapping.transforms.problems import TransformFailed as TransformFailed
from app.mapping.transforms.problems import TransformProblem as TransformProblem
from app.mapping.transforms.transform import Transform as Transform
from app.mapping.transforms.transform import compile_expression as compile_expression
from app.mapping.transforms.transform import flow_problem as flow_problem
