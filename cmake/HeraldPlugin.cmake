# herald_plugin(name SOURCES ... [LIBS ...]): a channel plugin, <name>.so.  Used inside the tree and, from the
# installed package, outside of it: links herald::abi and nothing of the core.
function(herald_plugin name)
  cmake_parse_arguments(PLUGIN "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} MODULE ${PLUGIN_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" C_STANDARD 11 C_EXTENSIONS ON C_VISIBILITY_PRESET hidden
                        POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PRIVATE herald::abi ${PLUGIN_LIBS})
  if(COMMAND herald_flags)
    herald_flags(${name})
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/herald/plugins)
  endif()
endfunction()
