"""A package of somebody else that compiles against an installed planesched."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import planesched

setup(
    name="consumer",
    ext_modules=cythonize(
        [Extension("consumer", ["consumer.pyx"], include_dirs=[planesched.get_include()])],
        compiler_directives={"language_level": 3, "freethreading_compatible": True},
    ),
)
