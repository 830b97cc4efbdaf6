import ArgumentParser
import Glibc
import StorageDrill

struct Drill: InspectCommand {
    /// What makes this program the process that is killed.
    static let childCommand = "drill-child"
    /// Enough of a journal for the images that are made of it.
    static let journalBytesPerImage: UInt64 = 96 << 10
    static let journalBytes: ClosedRange<UInt64> = (6 << 20)...(24 << 20)

    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Find out whether a disk keeps what it confirms.",
        discussion: """
            Works in a directory of its own below DIR, which it removes at the end, or keeps if anything was lost.

            Rounds: a process writes transactions into a store there and is killed at a random moment; the next one must \
            find everything that was acknowledged. Images: all writes and syncs of such processes are recorded, and the \
            disk is rebuilt as it might be found if the power had failed at a random one of them. Last, the true rate of \
            durable writes is measured, direct and buffered.

            Rounds and images test the engine on this file system. That the device itself keeps what it confirms can't be \
            proven without cutting the real power: the rate and the mount's options only show when it can't be so.

              0  nothing was lost, and nothing speaks against the disk
              1  nothing was lost, but the disk or its mount can't be trusted
              2  the drill could not be carried out
              3  something acknowledged was lost, or a store was wrong

            With --json: one object.
            """
    )

    @Option(help: ArgumentHelp("A directory on the disk in question.", valueName: "dir"))
    var dir: String

    @Option(help: "Processes to kill.")
    var rounds = 20

    @Option(help: "Power cuts to replay.")
    var images = 100

    @Option(help: "Repeats an earlier drill's choices.")
    var seed: UInt64?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard rounds > 0, rounds <= 100_000 else { throw ValidationError("--rounds must be from 1 to 100000") }
        guard images >= 0, images <= 100_000 else { throw ValidationError("--images must be from 0 to 100000") }
    }

    func run(on console: Console) throws -> ProcessStatus {
        let seed = seed ?? .random(in: 1...UInt64(UInt32.max))
        let place = try DrillPlace(below: dir)
        do {
            let report = DrillListing(
                directory: dir,
                seed: seed,
                rounds: try kill(place.path, seed, console),
                images: images == 0 ? nil : try cutPower(place.path, seed, console),
                truth: try DiskTruth.measure(directory: place.path)
            )
            if report.isSound { try place.remove() }
            let kept = report.isSound ? nil : place.path
            if json { try console.line(report.json(kept)) } else { try report.write(kept, to: console) }
            return report.status
        } catch let error as DrillError {
            try? place.remove()
            throw CommandFailure(error.message, path: error.path, remedy: "the drill was not carried out")
        }
    }

    private func kill(_ directory: String, _ seed: UInt64, _ console: Console) throws(DrillError) -> RoundsResult {
        var options = KillRounds.Options(directory: directory + "/kill", childArguments: [Self.childCommand])
        options.rounds = rounds
        options.seed = seed
        var done: UInt64 = 0
        return try KillRounds(options).run { _ in
            done += 1
            console.showProgress("killing", done: done, of: UInt64(rounds))
        }
    }

    private func cutPower(_ directory: String, _ seed: UInt64, _ console: Console) throws(DrillError) -> RoundsResult {
        var options = PowerCutRounds.Options(directory: directory + "/powercut", childArguments: [Self.childCommand])
        options.images = images
        options.seed = seed
        let wanted = UInt64(images) * Self.journalBytesPerImage
        options.journalBytes = min(max(wanted, Self.journalBytes.lowerBound), Self.journalBytes.upperBound)
        return try PowerCutRounds(options).run { _ in
            console.showProgress("replaying power cuts", done: 1, of: 2)
        }
    }
}
