"""What is SQL: a statement or a piece of one, in any case, as it stands in a C string."""

import re

# Statements and pieces that no English sentence contains.
STATEMENT = re.compile(
    r"""^\s*(SELECT\s(?!%)|INSERT\s+INTO\s|UPDATE\s+\w|DELETE\s+FROM\s|WITH\s+(RECURSIVE\s+)?\w+\s*(AS\b|\())
      | ^\s*(CREATE|ALTER|DROP)\s+TABLE\s""",
    re.VERBOSE,
)
PIECES = re.compile(
    r"""^\W*select\s+(distinct\s+)?([\d*'$]|\w+\s*(\(|,|::)|\w+\.\w)
      | ^\W*select\s.*\s(from|where)\s+\w+(\s+\w+)?\s+(where|join|order\s+by|limit)\b
      | \binsert\s+into\s+\w+\s*(\(|select\b|values\b|default\b)
      | \bupdate\s+(only\s+)?\w+(\s+(as\s+)?\w+)?\s+set\s+\w+\s*=
      | \bdelete\s+from\s+\w+(\s+\w+)?\s*($|;|\)|\b(where|using|returning)\b)
      | \bwith\s+(recursive\s+)?\w+\s*(\([\w,\s]*\)\s*)?as\s+(not\s+|materialized\s+)*\(
      | \b(create|alter|drop)\s+(temp\s+|unlogged\s+|unique\s+|or\s+replace\s+)*
        (table|index|function|trigger|view|sequence|type|schema|extension)\s+(if\s+|concurrently\s+)*\w+
      | ^\W*(truncate|vacuum|analyze|lock\s+table|copy|prepare|deallocate|execute)\s+\w+\s*(\(|$|;|as\b|to\b|in\b)
      | (^|;)\s*(begin|commit|rollback|savepoint\s+\w+)(\s+(transaction|work|isolation)\b[\w\s]*)?\s*;\s*(\w|$)
      | ^\s*(begin|commit|rollback)\s*$
      | ;\s*select\s+\w+\s*\(
      | ^\s*(un)?listen\s+[\w?]+\s*;?\s*$ | ^\s*notify\s+\w+\s*(,|;|$)
      | ^\s*(set|reset|show)\s+(local\s+|session\s+)?\w+_\w+(\s*=|\s+to\b|\s*;?\s*$)
      | ^\s*set\s+(local\s+|session\s+)?\w+\s*=\s
      | \$\d+\s*(::|[,)=<>]|(then|else|is|in|between)\b) | [=<>,]\s*\$\d | \bany\s*\(\$\d
      | :: ?(bigint|bool|boolean|bytea|float8|int|int[248]|integer|interval|json|jsonb|regclass|text|timestamptz|uuid)\b
      | \b(where|and|or|on|set|having)\s+(not\s+)?\w+\.?\w*\s*(=|<>|!=|<=|>=|<|>|~)\s*[\w$'(.]
      | \b(where|and|or|on)\s+\w+(\.\w+)?\s+(is\s+(not\s+)?null|(not\s+)?in\s*\(|between\s+\$|(i?like)\s+['$])
      | (?<!\bin\s)\b(order|group|partition)\s+by\s+(\w+\.\w+|\d+|\w+\s*(,|desc\b|asc\b|limit\b|$))
      | \blimit\s+(\d+|\$\d)\b | \bfor\s+(no\s+key\s+)?update(\s+(of|skip|nowait)\b|\s*$) | \bskip\s+locked\b
      | \bon\s+conflict\b | \breturning\s+(\*|\w+\.\w+|\w+\s*(,|$))
      | \b(inner|left|right|cross|full)\s+(outer\s+)?join\s+\w
      | \b(coalesce|nullif|unnest|greatest|least|now|count|max|min|sum|array_agg|json_agg|json_build_object
          |jsonb_build_object|to_char|date_trunc|extract|exists|any|set_config|current_setting
          |pg_\w+|nextval|gen_random_uuid)\s*\((?=[^)]*(\)|$)).*(\bfrom\b|\bthen\b|\bas\b|\$\d|=|<|>|::|\w+\.\w+)
      | \bexcluded\.\w | ^\s*\w+\s*=\s*null\b | \bcase\s+when\b | \binterval\s+'
      """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
FUNCTION = re.compile(r"\bcreate\s+(?:or\s+replace\s+)?function\s+(\w+)", re.IGNORECASE)
TABLE = re.compile(r"\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(\w+)", re.IGNORECASE)
LUA = re.compile(r"\bredis\.p?call\s*\(|\b(KEYS|ARGV)\[\w+\]|^\s*local [A-Za-z_, ]+ = |^\s*local function ")


def vocabulary(root):
    """A pattern for pieces that name what the migrations make: their tables after a word of SQL, and calls of
    their functions. None: there is none."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((root / "migrations").glob("*.sql"))]
    tables = "|".join(sorted({name for text in texts for name in TABLE.findall(text)}))
    functions = "|".join(sorted({name for text in texts for name in FUNCTION.findall(text)}))
    if not tables:
        return None
    return re.compile(
        rf"""^\W*(from|join|into|update|table|using)\s+(only\s+)?({tables})\b\s*($|[,;)(]|\w\b|\w\w?\s)
          | \b(select|delete|insert|with)\b.*\b(from|join|into|using)\s+({tables})\b
          | \b(from|join|into|update|using)\s+(only\s+)?({tables})\b\s*
            (\w\s|[;)]|\b(as|where|set|join|on|order|group|limit|using|returning|values|select|inner|left|cross)\b)
          | \b({functions or "(?!)"})\((\w|\$|\))""",
        re.IGNORECASE | re.VERBOSE | re.DOTALL,
    )


def is_sql(text, words):
    flat = re.sub(r"\s+", " ", text)
    return bool(STATEMENT.match(flat) or PIECES.search(flat) or (words and words.search(flat)))


def is_lua(text):
    return bool(LUA.search(text))


# `state = 0`, `status <> 1`, `state in (0, 4)`, `state = case … then 3 … end`, `case status when 1`.
STATE_NUMBER = re.compile(
    r"\b(state|status|disabled_reason|last_error)(\s*\+\s*0)?\s*(=|<>|!=|in\s*\()\s*'?\d"
    r"|\b(state|status)\s*=\s*case\b((?!\bend\b).)*\b(then|else)\s+\d"
    r"|\b(state|status)\s+when\s+\d",
    re.IGNORECASE | re.DOTALL,
)


def has_state_number(text):
    return STATE_NUMBER.search(text) is not None
