import Testing

@testable import StorageDrill

@Suite struct DiskTruthTests {
    private static func facts(_ fileSystem: String, _ options: [String] = ["rw"], cache: String? = "write back")
        -> MountFacts
    {
        var facts = MountFacts(directory: "/no/such/directory")
        facts.fileSystem = fileSystem
        facts.options = options
        facts.writeCache = cache
        return facts
    }

    @Test func signsAreRead() {
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("ext4")) == [])
        #expect(DiskTruth.judge(fastest: 900, Self.facts("tmpfs")) == [.inMemory])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("overlay")) == [.overlay])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("nfs4")) == [.network])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("fuse.sshfs")) == [.network])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("ext4", ["rw", "nobarrier"])) == [.noBarrier])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("ext4", ["barrier=0"])) == [.noBarrier])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("ext3", ["data=writeback"])) == [.writebackData])
        #expect(DiskTruth.judge(fastest: 90_000, Self.facts("ext4", ["rw", "async"])) == [.relaxedSync])
        #expect(DiskTruth.judge(fastest: 19_000, Self.facts("ext4")) == [.tooFast])
        #expect(DiskTruth.judge(fastest: 19_000, Self.facts("xfs", cache: "write through")) == [.unsafeCache])
    }

    @Test func theMountThatHoldsTheDirectoryIsFound() {
        let text = """
            22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
            30 22 254:0 /part /mnt/part ro,nosuid - ext4 /dev/vda rw,data=writeback
            31 22 254:0 / /mnt/partial rw - ext4 /dev/vda rw
            40 22 0:5 / /mnt/part/deep rw master:7 - tmpfs none rw,size=1k
            41 broken line
            """
        var facts = MountFacts(directory: "/no/such/directory")
        facts.read(mountInfo: text, "254:0", "/mnt/part/deep/er")
        #expect(facts.mountPoint == "/mnt/part" && facts.options == ["ro", "nosuid", "rw", "data=writeback"])
        facts.read(mountInfo: text, "0:5", "/mnt/part/deep/er")
        #expect(facts.fileSystem == "tmpfs" && facts.device == "none" && facts.mountPoint == "/mnt/part/deep")
        facts.read(mountInfo: text, "254:0", "/srv")
        #expect(facts.mountPoint == "/" && facts.device == "/dev/vda")
    }

    @Test func deviceNumbersAreUnpacked() {
        #expect(MountFacts.deviceNumber(0xFE00) == "254:0")
        #expect(MountFacts.deviceNumber(0x10_0305) == "3:261")
    }

    @Test func timesAreSummedUp() {
        let times = SyncTimes(nanoseconds: (1...1_000).map { UInt64($0) * 1_000 }.reversed())
        #expect(times.samples == 1_000 && times.median == 501_000 && times.percentile99 == 991_000)
        #expect(abs(times.perSecond - 1e9 / 500_500) < 1)
        #expect(SyncTimes(nanoseconds: []).perSecond == 0)
    }

    @Test func aRealDirectoryIsMeasured() throws {
        let directory = try TemporaryDirectory()
        let truth = try DiskTruth.measure(directory: directory.path + "/new/place", seconds: 0.05)
        #expect(truth.buffered.samples > 0 && truth.buffered.perSecond > 0)
        #expect(truth.fileSystem != "unknown" && truth.mountPoint.hasPrefix("/"))
        #expect(truth.rows.count >= 8)
        #expect(try DrillFiles.list(directory.path + "/new/place") == [])
    }
}
