#!/bin/sh
# Take out of a folder of installed wheels what no process of an image opens:
#     sh slim.sh /opt/serve-app/lib
# The metadata of every distribution stays, so that an inventory of the image is complete.
# docs/containers.md has the list, with what each part takes.
set -eu
cd "$1"

# Ray: what runs Java and C++ programs, and libraries that have nothing to do with serving.
rm -rf ray/jars ray/cpp ray/rllib ray/tune ray/train ray/data ray/llm ray/serve/llm \
  ray/util/dask ray/util/spark
# PyArrow: what C++ programs are compiled against, and a protocol of its own that nothing here
# speaks.
rm -rf pyarrow/include pyarrow/src pyarrow/*flight* pyarrow/_pyarrow_cpp_tests*
# ONNX Runtime: a second copy of the library, for programs in C; what makes and shrinks graphs.
rm -rf onnxruntime/capi/libonnxruntime.so* onnxruntime/transformers onnxruntime/quantization \
  onnxruntime/tools onnxruntime/datasets
# NumPy: compilers of extensions.
rm -rf numpy/distutils numpy/f2py numpy/_core/lib numpy/random/lib numpy/random/_examples
rm -f numpy/_core/*_tests.*.so

# virtualenv: the wheels of pip that it would install for `runtime_env.pip`, which no image allows.
rm -f virtualenv/seed/wheels/embed/*.whl

# Sources that were compiled, what editors read, and what debuggers of web pages read.
find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.pyi' \
  -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \
  -o -name '*.js.map' -o -name '*.css.map' \) -delete
find . -type d -name tests -prune -exec rm -rf {} +

# A wheel cannot hold links: each library that has three names is in it three times.
for library in pyarrow/*.so.*.*.*; do
  if [ -e "$library" ]; then
    named="${library%.*.*}"
    mv -f "$library" "$named"
    ln -sf "$(basename "$named")" "${named%.*}"
  fi
done

# Symbols, which only debuggers and other linkers read. Libraries in *.libs were rewritten once to
# name each other, and are not touched again.
find . -type f \( -name '*.so' -o -name '*.so.*' -o -perm -0100 \) -not -path '*.libs/*' \
  -exec sh -c 'for file; do
    if [ "$(head -c 4 "$file" | tail -c 3)" = ELF ]; then strip --strip-unneeded "$file"; fi
  done' sh {} +
