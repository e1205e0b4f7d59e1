"""Neural ODEs, and SDEs where T > 0: a field that carries data to where a loss is small."""

from langevin_kit.learn.neural_ode._encoder import Encoder
from langevin_kit.learn.neural_ode._fit import Fitted
from langevin_kit.learn.neural_ode._model import NeuralODE

__all__ = ["Encoder", "Fitted", "NeuralODE"]
