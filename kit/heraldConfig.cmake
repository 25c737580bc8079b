# find_package(herald): herald::abi is all that a plugin links, herald_plugin(name SOURCES ...) makes name.so.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
include("${CMAKE_CURRENT_LIST_DIR}/heraldTargets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/HeraldPlugin.cmake")
