"""Simulators, tasks and arm models. Engines load with their own module, never with the package."""
