"""What each stable error code means. M is a model, T a target, U what was asked for; codes are added, never reused."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PARAGRAPHS"]

PARAGRAPHS: Mapping[str, str] = {
    "M101": (
        "The model file cannot be opened: it is absent, a folder, a pipe or device, or not readable by you. A model "
        "is one regular file; the data files beside it are never opened and may be absent. Check the path, or write "
        "the model to a file first."
    ),
    "M102": (
        "The file opens but holds no ONNX model: it is empty, or begins like another format (the message names it), "
        "or has no graph. Export to ONNX, or fetch the file itself where this is a pointer to large file storage."
    ),
    "M103": (
        "The file begins like an ONNX model but is damaged: a length reaches beyond its message, the file ends too "
        "early, a name is no text, or a weight has a negative extent. Most often a download broke off. Export or "
        "download the model again."
    ),
    "M201": (
        "Something reads a value that nothing produces: a node's input, or an output of the graph, of a function or "
        "of the body of a loop or branch. The file was cut out of a larger graph or edited by hand. Export it again; "
        "`onnx.checker` names the place too."
    ),
    "M202": (
        "Two nodes of one graph produce a value of the same name, or two functions of one domain have the same name. "
        "ONNX allows one of each, and which of the two a reader meant cannot be told. Rename one of them, or export "
        "the model again."
    ),
    "M203": (
        "The graph or its functions run in a circle: a node needs its own output, or a function calls itself. Such a "
        "model cannot run anywhere. The message lists the circle in order."
    ),
    "M204": (
        "A node of control flow does not fit its body: the graph is missing, or takes or returns another number of "
        "values than the loop carries, or a scanned axis does not exist. The exporter that wrote the node is at "
        "fault."
    ),
    "M205": (
        "Inlining the functions and bodies of this model would give more nodes, or nest deeper, than any real model "
        "does: a few small functions that call each other can stand for billions of nodes. The limits protect against "
        "files that were made to exhaust memory."
    ),
    "M301": (
        "With these dimensions the inputs of a node do not go together, such as a product of 8 x 4 with 5 x 6. The "
        "message names the node, both shapes and the dimensions behind them with where each value comes from. Give "
        "dimensions that go together with `-d NAME=INT`; where none has a part in it, the file contradicts itself."
    ),
    "M302": (
        "With these dimensions a tensor takes 2^60 bytes or more, which no machine has: nothing could run it. "
        "The message names the first tensor of that size, not those that follow from it. Give smaller dimensions with "
        "`-d NAME=INT`; where the file fixes the sizes, an extent in it is damaged or a stand-in for an unknown one."
    ),
    "M401": (
        "A run of the model was asked for, and one of its inputs cannot be made up: its extents are not known, it is "
        "a sequence, an optional or a map, or NumPy has no such type. Give its dimensions with `-d NAME=INT`, or go "
        "without the run."
    ),
    "M402": (
        "A run of the model was asked for that would hold more weights and values than is allowed on this machine. "
        "The analysis itself reads no weights and has no such limit. Give smaller dimensions, or go without the run."
    ),
    "M403": (
        "ONNX Runtime refused the model, failed while it ran or found no end: an operator without a kernel for the "
        "processor, a domain that it does not know, made-up values that do not go together, a loop that never stops. "
        "Go without the run: sizes that depend on data are then named dimensions, which `-d` gives."
    ),
    "M404": (
        "A run of the model was asked for, and the data of a weight cannot be read: the file is shorter than the "
        "weight, or the entry that points into it is no number or leads out of it. The analysis itself reads no "
        "weights. Fetch the data file again, or go without the run; a file that is absent is no fault."
    ),
    "M405": (
        "A size that data decide was given with `-d`, and the run of the model that was also asked for has another "
        "one. Only one of the two can hold: leave out the other."
    ),
    "T101": (
        "No target of that name comes along, and no file is there of that name. `onnxroof targets list` shows the "
        "ids; a file of your own ends in `.toml`."
    ),
    "T102": (
        "The target file cannot be read: it is absent or protected, larger than any description, or no UTF-8 text."
    ),
    "T103": (
        "The target file is not TOML. The line is where the reader gave up; the cause is often a line above, such as "
        "a missing quote or bracket."
    ),
    "T104": (
        "A target that is described in a line is a list of parts with commas between them: `peak=RATE:TYPE`, and "
        "`LEVEL=CAPACITY`, `LEVEL=BANDWIDTH` or `LEVEL=CAPACITY@BANDWIDTH`, outermost level first, each number with "
        "its unit, as in `peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s`. It needs a peak and a level. More can be said "
        "in a file, which may extend such a line."
    ),
    "T105": (
        "A target file extends a file that extends it in turn, so that none of them says anything by itself. Let one "
        "of them stand alone, or extend a target that comes along."
    ),
    "T106": (
        "A hardware description of another tool cannot be imported: it is no YAML, or none of the forms of ZigZag, "
        "Stream and Timeloop that are known, or lacks what a target needs: memories of which the outermost holds every "
        "operand, and something that computes. The message says what was expected where."
    ),
    "T107": (
        "What was asked for needs a package that is not installed, because few need it. The hint has the command that "
        "installs it; nothing else changes."
    ),
    "T108": (
        "A target was asked for in a power mode that its file does not describe, as in `jetson-nano@7w`. The hint "
        "lists the modes that it has; `onnxroof targets show` has their clocks and caps."
    ),
    "T201": (
        "A key that every target, engine, level or number needs is absent. Every number has a unit and names its "
        "source; what is not known is left out as a whole, with its table, and is then reported as unknown."
    ),
    "T202": (
        "The file has a key that the format does not know, mostly a slip of spelling: it is refused, because a number "
        "that is silently not read would be worse. The hint names the nearest key or all that may stand there."
    ),
    "T203": (
        "A value is not of the kind that its key asks for: text for a number, a number out of bounds, a word that is "
        "not among the choices, a type not spelled as in ONNX. The message says what was expected and what was found."
    ),
    "T204": (
        "A unit is unknown, or measures something else than its key: a bandwidth in bytes, a capacity in GB/s, an "
        "energy per bit where one per byte is meant. Prefixes are those of the SI and, for bytes, of IEC (KiB, MiB)."
    ),
    "T205": (
        "A number names a source that the file does not describe under `[sources]`, or a derived source does not say "
        "what it was derived from. Every number must be traceable."
    ),
    "T206": (
        "Two parts of the file contradict each other or name the same thing twice: two engines, levels or peaks of "
        "one name, a bandwidth given both as a whole and apart, an efficiency of what does not exist, an id that is "
        "not the file's name."
    ),
    "T301": (
        "A warning: a level has less bandwidth, all its instances together, than the level outside it, which it would "
        "then only slow down. Often levels stand in the wrong order, or the bandwidth is that of one core and the "
        "level has no `scope`."
    ),
    "T302": (
        "A warning: a level that all cores share holds more than the shared level outside it. Levels stand outermost "
        "first; a capacity may have another prefix than was meant."
    ),
    "T303": (
        "A warning: a byte of a level takes more energy than one of the level outside it. Check whether one of them is "
        "an energy for a bit, or the order of the levels."
    ),
    "T304": (
        "A warning: an engine at its peak, at its energy for each operation, draws far more than the power cap of the "
        "chip. One of the three numbers is likely wrong by a prefix, or counts MACs as operations."
    ),
    "T305": (
        "A warning: a narrower type has a lower peak than a wider one of the same kind on the same engine, such as "
        "FLOAT16 below FLOAT. Hardware that runs the wider type could run the narrower one in it."
    ),
    "T306": (
        "A warning: the fastest peak and the outermost bandwidth are so far apart, or so near, that one of them is "
        "likely wrong by a prefix, or the bandwidth is one in bits. Devices that are built lie between 5 and 13,000 "
        "operations for a byte."
    ),
    "T307": (
        "A warning: the arrays of all cores, busy in every clock, do not reach the peak that the engine has. The array "
        "is that of one core; `chip.cores` says how many there are, and the peak is that of the whole chip."
    ),
    "T308": (
        "A warning: no engine runs multiply-accumulates, so that contractions, most of the work of most models, take "
        "no time. Add `mac` to what an engine `runs`."
    ),
    "U101": (
        "A dimension is given as `-d NAME=INT` with a whole number of 0 or more, below 2^31, and once; in Python as a "
        "whole number of any kind, NumPy's too, but as no float, bool or text. The message names the one that is not."
    ),
    "U102": (
        "None of the models has a dimension of that name: the option would change nothing, so it is refused. The hint "
        "lists the names that the models have; those that their files fix are not among them."
    ),
    "U103": (
        "A workload that is already loaded has its dimensions for good, and another value was asked for. Give "
        "dimensions to `onnxroof.load`, or load the model again."
    ),
    "U104": (
        "A rate of runs, the energy of a battery or a price is a number above 0 with its unit: `--rate 100/h`, "
        "`--battery 20Wh`, `--price 2.50/h`, `--electricity 0.30/kWh`. A target has one price."
    ),
    "U105": (
        "A price is given for a target that the models are not held against: it would change nothing, so it is "
        "refused. Most often the id is misspelt; the hint lists the ids of the targets. Without an id, as in "
        "`--price 2.50/h`, a price is that of all targets which have none of their own."
    ),
    "U201": (
        "An option asks for something that does not exist (a fusion or precision policy, an objective, a format, a "
        "domain), or that does not go with another option. The hint lists what there is, or what to leave out."
    ),
    "U202": (
        "A file cannot be written: its folder is absent or protected, the disk is full, its suffix stands for no "
        "format, or it would overwrite the model that is being read. Nothing was written to it."
    ),
    "U203": (
        "The folder of templates is absent, or one of its templates cannot be rendered. The message names the "
        "template and the reason; without the option, the page uses the templates that come along."
    ),
    "U301": (
        "No operator of that name is in the ONNX standard or has a rule here. Names are spelled as in ONNX, outside "
        "the standard with their domain, as `com.microsoft::MatMulNBits`. `onnxroof ops list` has all of them. In a "
        "model such an operator is no error: it is listed as unknown and lowers the coverage."
    ),
    "U401": (
        "The file of `--groups` cannot be read or is not in the form of one. It is a file that `--plan-out` wrote, "
        'JSON of the form {"groups": [["node1", "node2"], ...]}, or the model that ONNX Runtime wrote after its '
        "optimizations. The message names the place in the file."
    ),
    "U402": (
        "A group names a node that the model does not have. Nodes go by their ONNX names; one whose name is empty or "
        "repeated is called by its type and place, `Relu_17`, as `onnxroof count` lists it. The hint has the nearest "
        "names. Where most names are unknown, the file is for another model."
    ),
    "U403": (
        "A node is named twice, in two groups or in one. Every node runs once, in one group; leave it out of the other."
    ),
    "U404": (
        "Groups would have to wait for each other: a node outside of a group needs what one of its members makes, and "
        "another member needs what that node makes, or two groups are entangled in this way. No order runs them. Take "
        "what lies between into the group, or take the group apart."
    ),
    "U405": (
        "The file with groups has none for this model or for this target. Plans are told apart by the nodes of the "
        "model and the id of the target; plans for one target alone serve every target. A model that a runtime wrote "
        "must have more in common with this one than what its inputs and outputs are called. Write the file again, or "
        "give the groups alone."
    ),
    "U406": (
        "A group has an `order` lower than that of one for which it has to wait: a member reads what the other makes, "
        "or would write over what the other reads. Groups with lower `order` run first, one without it right behind "
        "what it reads. Number them so that each comes behind what it needs, or leave `order` out."
    ),
    "U302": (
        "No error has that code. Codes stand in brackets behind the message of an error, one letter and three digits."
    ),
}
