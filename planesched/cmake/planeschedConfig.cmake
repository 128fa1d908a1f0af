# planesched::planesched is the headers. Where `make install` put the library, planesched::static is
# the library and the headers.
cmake_minimum_required(VERSION 3.15)

# This file lies in the Python package, or in lib/cmake/planesched under a prefix.
get_filename_component(_planesched_root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
if(NOT EXISTS "${_planesched_root}/include/planesched/step.h")
  get_filename_component(_planesched_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
endif()

if(NOT TARGET planesched::planesched)
  add_library(planesched::planesched INTERFACE IMPORTED)
  set_target_properties(planesched::planesched PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_planesched_root}/include")
endif()

set(_planesched_library "${_planesched_root}/lib/libplanesched.a")
if(EXISTS "${_planesched_library}" AND NOT TARGET planesched::static)
  add_library(planesched::static STATIC IMPORTED)
  set_target_properties(planesched::static PROPERTIES
    IMPORTED_LOCATION "${_planesched_library}"
    INTERFACE_LINK_LIBRARIES "planesched::planesched;m")
endif()

unset(_planesched_library)
unset(_planesched_root)
