"""Systems of plain Python functions: differentiated by dual numbers, compiled into the step."""

from langevin_kit.system.python.content import Functions
from langevin_kit.system.python.function import PythonFunction
from langevin_kit.system.python.model import FunctionModel

__all__ = ["FunctionModel", "Functions", "PythonFunction"]
