/* analyzer.h - for clang-tidy only (tools/check-static): herald_fail returns the code that it is given.  The
 * analyzer does not look into another file for that, and would follow paths that do not exist. */
#include "../include/herald/error.h"

#define herald_fail(err, code, ...) ((void)(herald_fail)(err, code, __VA_ARGS__), (code))
