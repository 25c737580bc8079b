# The house rules as build rules.  Each floor of core/ is a static library that sees only the floors it was
# given: `#include "store/store.h"` finds its header through a door, a folder in the build tree that holds one
# symbolic link, and a floor that was not given the door cannot open it.

option(HERALD_WERROR "Warnings are errors" OFF)
option(HERALD_ASAN "AddressSanitizer and UBSan" OFF)
option(HERALD_TSAN "ThreadSanitizer" OFF)
option(HERALD_COVERAGE "Coverage counters" OFF)

set(HERALD_DOORS "${CMAKE_BINARY_DIR}/doors")

# Warnings, hardening, visibility: per target, never global.
function(herald_flags target)
  target_compile_features(${target} PRIVATE c_std_11)
  set_target_properties(${target} PROPERTIES C_STANDARD 11 C_EXTENSIONS ON C_VISIBILITY_PRESET hidden
                        POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wswitch-enum -Wvla -Wundef -Wwrite-strings -fno-strict-aliasing
    $<$<BOOL:${HERALD_WERROR}>:-Werror>)
  if(HERALD_ASAN)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  elseif(HERALD_TSAN)
    target_compile_options(${target} PRIVATE -fsanitize=thread -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=thread)
  else()
    target_compile_options(${target} PRIVATE -fstack-protector-strong
      $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now)
  endif()
  if(HERALD_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()

# Let target open the doors of the named floors (includes only).
function(herald_sees target)
  foreach(floor ${ARGN})
    if(NOT EXISTS "${HERALD_DOORS}/${floor}/${floor}")
      file(MAKE_DIRECTORY "${HERALD_DOORS}/${floor}")
      file(CREATE_LINK "${CMAKE_SOURCE_DIR}/core/${floor}" "${HERALD_DOORS}/${floor}/${floor}" SYMBOLIC)
    endif()
    target_include_directories(${target} PRIVATE "${HERALD_DOORS}/${floor}")
  endforeach()
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/include")
endfunction()

# herald_floor(route SOURCES plan.c ... SEES base model [LIBS PkgConfig::JANSSON]): library herald_route.
# SEES grants includes and links; nothing passes through to whoever uses the floor.
function(herald_floor name)
  cmake_parse_arguments(FLOOR "" "" "SOURCES;SEES;LIBS" ${ARGN})
  add_library(herald_${name} STATIC ${FLOOR_SOURCES})
  herald_flags(herald_${name})
  herald_sees(herald_${name} ${name} ${FLOOR_SEES})
  foreach(floor ${FLOOR_SEES})
    target_link_libraries(herald_${name} PRIVATE herald_${floor})
  endforeach()
  target_link_libraries(herald_${name} PRIVATE ${FLOOR_LIBS} Threads::Threads)
endfunction()

# herald_program(heraldd SOURCES heraldd.c SEES ... [LIBS ...])
function(herald_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;SEES;LIBS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  herald_flags(${name})
  herald_sees(${name} ${PROGRAM_SEES})
  foreach(floor ${PROGRAM_SEES})
    target_link_libraries(${name} PRIVATE herald_${floor})
  endforeach()
  target_link_libraries(${name} PRIVATE ${PROGRAM_LIBS} Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

# herald_unit_test(test_plan.c SEES route model base [LIBS ...] [LABELS threads] [SOURCES extra.c])
# One cmocka program, one ctest entry named unit.<floor>.<room>.
function(herald_unit_test source)
  cmake_parse_arguments(UNIT "" "" "SEES;LIBS;LABELS;SOURCES" ${ARGN})
  get_filename_component(folder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  get_filename_component(room "${source}" NAME_WE)
  string(REPLACE "test_" "" short "${room}")
  set(name "unit.${folder}.${short}")
  add_executable(${name} ${source} ${UNIT_SOURCES})
  herald_flags(${name})
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
  herald_sees(${name} ${UNIT_SEES})
  foreach(floor ${UNIT_SEES})
    target_link_libraries(${name} PRIVATE herald_${floor})
  endforeach()
  target_link_libraries(${name} PRIVATE ${UNIT_LIBS} PkgConfig::CMOCKA Threads::Threads)
  target_compile_definitions(${name} PRIVATE HERALD_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             HERALD_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "unit;${UNIT_LABELS}" TIMEOUT 120)
endfunction()
