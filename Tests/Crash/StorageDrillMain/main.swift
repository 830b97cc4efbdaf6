// The crash layers L3 and L4 of the storage engine, and what the disk is worth:
//
//     storage-drill kill     [--dir D] [--rounds N] [--seed S] [--encrypted] [--failpoint NAME:COUNT]...
//     storage-drill powercut [--dir D] [--scratch D] [--images N] [--seed S] [--journal-bytes N] [--forget LIST]
//                            [--encrypted] [--every-seconds N]
//     storage-drill snapshot-states [--dir D] [--scratch D] [--images N] [--seed S] [--strict]
//     storage-drill offline  [--dir D] [--scratch D] [--images N] [--seed S] [--forget LIST]
//     storage-drill check     --dir D  [--seed S] [--acknowledged N]
//     storage-drill audit     --dir D   --journal J
//     storage-drill truth    [--dir D]
//
// `audit` compares the directory of any recorded program (LD_PRELOAD, see recorder.h) with what its journal explains.
// `child` is what the first four start. Without --seed a new one is drawn, and printed.

import CPlatform
import Glibc
import StorageDrill

let arguments = (1..<max(1, Int(iii_argument_count()))).compactMap { iii_argument(Int32($0)) }.map {
    String(cString: $0)
}
exit(runCommand(arguments))

/// Returns the exit status: 0 sound, 1 usage or the drill could not be carried out, 2 something was lost or wrong.
func runCommand(_ arguments: [String]) -> Int32 {
    do {
        let rest = Array(arguments.dropFirst())
        switch arguments.first {
        case "child": return DrillChild.run(arguments: rest)
        case "kill": return try conclude(seeded(rest), kill)
        case "powercut": return try conclude(seeded(rest), cutPower)
        case "snapshot-states": return try conclude(seeded(rest), tearSnapshots)
        case "offline": return try conclude(seeded(rest), writeOffline)
        case "check": return try conclude(seeded(rest), check)
        case "audit": return try audit(Options(rest))
        case "truth": return try tellTruth(Options(rest))
        default: throw DrillError("there are kill, powercut, snapshot-states, offline, check, audit and truth")
        }
    } catch {
        say("error: \(error)")
        return 1
    }
}

/// A line at once, also into a pipe.
func say(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(STDOUT_FILENO, line, line.count)
}

func seeded(_ arguments: [String]) throws(DrillError) -> Options {
    var options = try Options(arguments)
    if options.seed == nil { options.seed = UInt64.random(in: 1...UInt64(UInt32.max)) }
    return options
}

func conclude(_ options: Options, _ run: (Options) throws(DrillError) -> RoundsResult) throws(DrillError) -> Int32 {
    let result = try run(options)
    for problem in result.problems { say("PROBLEM \(problem)") }
    say("acknowledged \(result.acknowledged), found \(result.found) in all checks, lost \(result.lost)")
    say("seed \(options.seed ?? 0)")
    say("\(result.passed) passed, \(result.failed) failed")
    return result.isSound ? 0 : 2
}

func kill(_ options: Options) throws(DrillError) -> RoundsResult {
    var rounds = KillRounds.Options(directory: options.directory + "/kill", childArguments: ["child"])
    rounds.rounds = options.rounds
    rounds.seed = options.seed ?? 1
    rounds.failpoints = options.failpoints
    rounds.isEncrypted = options.isEncrypted
    // For the child: this process opens stores too, and must not die of it.
    if let failpoint = getenv("III_FAILPOINT") { rounds.failpoints.append(String(cString: failpoint)) }
    unsetenv("III_FAILPOINT")
    return try KillRounds(rounds).run { say($0) }
}

func cutPower(_ options: Options) throws(DrillError) -> RoundsResult {
    var rounds = PowerCutRounds.Options(
        directory: options.directory + "/powercut",
        childArguments: ["child"]
    )
    rounds.scratch = options.scratch
    rounds.images = options.images
    rounds.seed = options.seed ?? 1
    rounds.journalBytes = options.journalBytes
    rounds.forget = options.forget
    rounds.everyImageSeconds = options.everySeconds
    rounds.isEncrypted = options.isEncrypted
    guard !options.isEncrypted, options.images > 2 else { return try PowerCutRounds(rounds).run { say($0) } }
    // A third on an encrypted store whose key changes.
    rounds.images = options.images - options.images / 3
    var encrypted = rounds
    encrypted.directory += "-encrypted"
    encrypted.isEncrypted = true
    encrypted.images = options.images / 3
    rounds.everyImageSeconds = options.everySeconds.map { $0 - $0 / 3 }
    encrypted.everyImageSeconds = options.everySeconds.map { $0 / 3 }
    let result = try PowerCutRounds(rounds).run { say($0) }
    say("encrypted:")
    return result + (try PowerCutRounds(encrypted).run { say($0) })
}

func tearSnapshots(_ options: Options) throws(DrillError) -> RoundsResult {
    var rounds = SnapshotRounds.Options(directory: options.directory + "/snapshot-states", childArguments: ["child"])
    rounds.scratch = options.scratch
    rounds.images = options.images
    rounds.seed = options.seed ?? 1
    if options.isStrict { rounds.isStrict = true }
    return try SnapshotRounds(rounds).run { say($0) }
}

func writeOffline(_ options: Options) throws(DrillError) -> RoundsResult {
    var rounds = OfflineRounds.Options(directory: options.directory + "/offline", childArguments: ["child"])
    rounds.scratch = options.scratch
    rounds.images = options.images
    rounds.seed = options.seed ?? 1
    rounds.forget = options.forget
    return try OfflineRounds(rounds).run { say($0) }
}

func check(_ options: Options) throws(DrillError) -> RoundsResult {
    var result = RoundsResult()
    let checker = Checker(workload: Workload(seed: options.seed ?? 1))
    let verdict = checker.check(path: options.directory, acknowledged: options.acknowledged)
    say("\(verdict)")
    result.add(verdict, options.directory)
    return result
}

func audit(_ options: Options) throws(DrillError) -> Int32 {
    let journal = try Journal(path: options.journal)
    let image = try PowerCutImage(journal: journal)
    try image.advance(to: journal.entries.count)
    let differences = try image.differences(from: options.directory, ignoring: ["lock.mdb"])
    for difference in differences { say(difference) }
    say(
        "\(journal.entries.count) entries, acknowledged \(image.acknowledged)\(journal.stopped.map { ", stopped: \($0)" } ?? "")"
    )
    return differences.isEmpty && journal.stopped == nil ? 0 : 2
}

func tellTruth(_ options: Options) throws(DrillError) -> Int32 {
    let truth = try DiskTruth.measure(directory: options.directory)
    for (name, value) in truth.rows { say("\(name): \(value)") }
    return truth.warnings.isEmpty ? 0 : 2
}
