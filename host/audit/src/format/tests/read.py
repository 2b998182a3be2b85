# What the test calls: format, names of arguments, names of lists, and a file of lines.
import sys

kind, arguments, lists = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
only_json = ["ecs.version", "service.type", "event.kind", "event.category", "event.type"]


def show(name, value):
    if name in arguments:
        mark, data = argument(value)
        return [mark, data.hex()]
    if name in lists:
        items = value if isinstance(value, list) else value.split("|")
        return [[mark, data.hex()] for mark, data in map(argument, items)]
    if isinstance(value, (bool, int)):
        value = json.dumps(value)
    return unescape(value).hex()


with open(sys.argv[4], encoding="utf-8", newline="\n" if kind != "Csv" else "") as file:
    if kind == "Text":
        records = [text_fields(line.rstrip("\n")) for line in file]
    elif kind == "Json":
        records = [json.loads(line) for line in file]
    else:
        records = [{n: v for n, v in row.items() if v} for row in csv.DictReader(file)]
    for record in records:
        shown = {name: show(name, value) for name, value in record.items() if name not in only_json}
        print(json.dumps(shown))
