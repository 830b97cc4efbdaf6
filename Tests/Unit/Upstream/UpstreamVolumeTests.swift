import Glibc
import Testing

@testable import Adapters

@Suite struct UpstreamVolumeTests {
    typealias Entries = [(key: String, value: [UInt8])]

    private func entries(_ pairs: KeyValuePairs<String, String>) -> Entries {
        pairs.map { ($0.key, Array($0.value.utf8)) }
    }

    @Test func whatIsInADirectory() throws {
        let directory = try UpstreamDirectory()
        for name in ["b.bin", ".bin", "a%2Fb.bin", "b.bin.tmp", "a:b.bin", "a%2fb.bin", "notes.txt", "FORMAT"] {
            try directory.put(name, UpstreamArchive.file("{}"))
        }
        try directory.put("broken.bin", [1, 2, 3])
        #expect(mkdir(directory.path + "/lost+found", 0o700) == 0 && mkdir(directory.path + "/x.bin", 0o700) == 0)
        #expect(mkfifo(directory.path + "/pipe.bin", 0o600) == 0)
        #expect(
            symlink("b.bin", directory.path + "/link.bin") == 0 && symlink("gone", directory.path + "/gone.bin") == 0
        )
        let volume = try UpstreamVolume(path: directory.path)
        #expect(volume.files.map(\.name) == [".bin", "a%2Fb.bin", "b.bin", "broken.bin", "link.bin"])
        #expect(volume.files.map(\.index) == ["", "a/b", "b", "broken", "link"])
        #expect(volume.files.map(\.isReadByUpstream) == [false, true, true, true, true])
        #expect(volume.leftovers == ["b.bin.tmp"])
        #expect(
            volume.unknown.map(\.name)
                == ["FORMAT", "a%2fb.bin", "a:b.bin", "gone.bin", "lost+found", "notes.txt", "pipe.bin", "x.bin"]
        )
        #expect(volume.unknown.map(\.description)[1].hasPrefix("a%2fb.bin: `%` without two upper-case"))
        #expect(volume.unknown.first { $0.name == "pipe.bin" }?.reason == "a pipe")

        var damaged: [String] = []
        let totals = volume.readEach { if let damage = $0.damage { damaged.append(damage.file.name) } }
        #expect(damaged == ["broken.bin"])
        #expect(totals.indexes == 4 && totals.entries == 0 && totals.damagedFiles == 1 && totals.salvageableFiles == 0)
        #expect(totals.leftovers == 1 && totals.unknownNames == 8 && totals.fileBytes == 32)
    }

    @Test func aThousandIndexes() throws {
        let directory = try UpstreamDirectory()
        let writer = UpstreamVolumeWriter(path: directory.path)
        for number in 0..<1000 {
            let values = (0..<(number % 7)).map { (key: "k\($0)", value: Array("{\"n\":\(number)}".utf8)) }
            let file = try writer.write(index: "scope/\(number)", values)
            try writer.verify(file, values)
        }
        let volume = try UpstreamVolume(path: directory.path)
        #expect(volume.files.count == 1000 && volume.leftovers.isEmpty && volume.unknown.isEmpty)
        var names: Set<String> = []
        let totals = volume.readEach { reading in
            guard let index = reading.index else { return }
            names.insert(index.name)
            #expect(index.allSatisfy { $0.value.text == "{\"n\":\(index.name.dropFirst(6))}" })
        }
        #expect(names == Set((0..<1000).map { "scope/\($0)" }))
        #expect(totals.indexes == 1000 && totals.entries == (0..<1000).map { $0 % 7 }.reduce(0, +))
        #expect(totals.valueBytes > 0 && totals.damagedFiles == 0 && totals.duplicateKeys == 0)
    }

    @Test func theBytesThatUpstreamWrites() throws {
        let directory = try UpstreamDirectory()
        let writer = UpstreamVolumeWriter(path: directory.path)
        let given = entries([
            "b": #" { "z" : 1, "a" : [ 1, 2 ] } "#, "": #""\u00e9""#, "a": "null", "\"\n\u{1}é😀": "2.0",
        ])
        let file = try writer.write(index: "a/b", given)
        #expect(file.name == "a%2Fb.bin" && directory.names == ["a%2Fb.bin"])
        let text = #"{"b":{"a":[1,2],"z":1},"":"é","a":null,"\"\n\u0001é😀":2.0}"#
        #expect(try directory.content("a%2Fb.bin") == UpstreamArchive.file(text))
        try writer.verify(file, given)
        let index = try #require(try UpstreamVolume(path: directory.path).read(file).index)
        #expect(index.map { Array($0.key.utf8) } == given.map { Array($0.key.utf8) })
    }

    @Test func aFileIsReplacedWhole() throws {
        let directory = try UpstreamDirectory()
        let writer = UpstreamVolumeWriter(path: directory.path)
        try directory.put("x.bin.tmp", Array(repeating: 0x41, count: 5000))
        try writer.write(index: "x", (0..<200).map { (key: "\($0)", value: Array("1".utf8)) })
        let file = try writer.write(index: "x", entries(["only": "1"]))
        #expect(directory.names == ["x.bin"])
        #expect(try directory.content("x.bin") == UpstreamArchive.file(#"{"only":1}"#))
        try writer.verify(file, entries(["only": "1"]))
    }

    @Test func writesThatFail() throws {
        let directory = try UpstreamDirectory()
        let writer = UpstreamVolumeWriter(path: directory.path)
        func code(_ writer: UpstreamVolumeWriter, _ index: String, _ entries: Entries) -> UpstreamError.Code? {
            #expect(throws: UpstreamError.self) { try writer.write(index: index, entries) }?.code
        }
        try writer.write(index: "x", entries(["old": "1"]))
        #expect(code(writer, "x", entries(["a": "1", "b": "2", "a": "3"])) == .duplicateKey)
        #expect(code(writer, "x", entries(["a": "{"])) == .notJSON)
        #expect(code(writer, "x", entries(["a": "1e400"])) == .unreadableUpstream)
        #expect(code(writer, String(repeating: "x", count: 248), []) == .nameTooLong)
        #expect(code(UpstreamVolumeWriter(path: directory.path + "/gone"), "x", []) == .inputOutput)
        #expect(try directory.content("x.bin") == UpstreamArchive.file(#"{"old":1}"#))
        // The name is taken by a directory: no temporary file stays behind.
        #expect(mkdir(directory.path + "/d.bin", 0o700) == 0)
        #expect(code(writer, "d", []) == .inputOutput)
        #expect(symlink("x.bin", directory.path + "/l.bin.tmp") == 0)
        #expect(code(writer, "l", []) == .inputOutput)
        #expect(directory.names == ["d.bin", "x.bin"])
    }

    /// Composed and decomposed forms are different keys.
    @Test func keysAreToldApartByBytes() throws {
        let directory = try UpstreamDirectory()
        let writer = UpstreamVolumeWriter(path: directory.path)
        let given = entries(["é": "1", "e\u{301}": "2", "\\": "3", "\\\\": "4"])
        try writer.verify(try writer.write(index: "é", given), given)
        #expect(directory.names == ["%C3%A9.bin"])
    }

    @Test func verificationFindsDifferences() throws {
        let directory = try UpstreamDirectory()
        let writer = UpstreamVolumeWriter(path: directory.path)
        let file = try writer.write(index: "x", entries(["a": "1", "b": "2"]))
        let others = [
            entries(["a": "1"]), entries(["a": "1", "b": "3"]), entries(["b": "2", "a": "1"]),
            entries(["a": "1", "b": "2", "c": "3"]),
        ]
        for other in others {
            let error = #expect(throws: UpstreamError.self) { try writer.verify(file, other) }
            #expect(error?.code == .verificationFailed)
        }
        try directory.put("x.bin", Array(try directory.content("x.bin").dropLast()))
        let error = #expect(throws: UpstreamError.self) { try writer.verify(file, entries(["a": "1", "b": "2"])) }
        #expect(error?.code == .verificationFailed && error?.message.contains("noRoot") == true)
    }

    @Test func directoriesThatCannotBeRead() throws {
        let directory = try UpstreamDirectory()
        try directory.put("file", [])
        for path in [directory.path + "/gone", directory.path + "/file"] {
            let error = #expect(throws: UpstreamError.self) { try UpstreamVolume(path: path) }
            #expect(error?.code == .unusableDirectory && error?.path == path && error?.call == "opendir")
        }
    }

    /// Between the listing and the reading of a file: gone, longer, shorter, a pipe.
    @Test func filesThatChange() throws {
        let directory = try UpstreamDirectory()
        for name in ["gone", "pipe", "huge"] { try directory.put(name + ".bin", UpstreamArchive.file(#"{"k":1}"#)) }
        let volume = try UpstreamVolume(path: directory.path)
        #expect(unlink(directory.path + "/gone.bin") == 0 && unlink(directory.path + "/pipe.bin") == 0)
        #expect(mkfifo(directory.path + "/pipe.bin", 0o600) == 0)
        // Sparse: takes no room.
        #expect(truncate(directory.path + "/huge.bin", off_t(UpstreamArchive.maximumFileBytes + 1)) == 0)
        var reasons: [String] = []
        let totals = volume.readEach { reading in
            switch reading.damage?.reason {
            case .unreadable(let error): reasons.append(error.call ?? "")
            case .changedWhileReading: reasons.append("changed")
            default: reasons.append("?")
            }
        }
        #expect(reasons == ["open", "changed", "changed"] && totals.damagedFiles == 3)
        let again = try UpstreamVolume(path: directory.path)
        #expect(again.files.map(\.name) == ["huge.bin"])
        #expect(again.read(try #require(again.files.first)).damage?.error?.code == .tooLarge)
    }

    /// Of a file that grows between `fstat` and the last read, the size is too small: as always in /proc.
    @Test func aFileThatIsLongerThanItSays() throws {
        #expect(try UpstreamFiles.read("/proc/self/status", limit: 1 << 20) == nil)
    }

    @Test func aReaderMayStop() throws {
        struct Stop: Error {}
        let directory = try UpstreamDirectory()
        for name in ["a", "b"] { try directory.put(name + ".bin", UpstreamArchive.file("{}")) }
        var count = 0
        #expect(throws: Stop.self) {
            _ = try UpstreamVolume(path: directory.path).readEach { _ in
                count += 1
                throw Stop()
            }
        }
        #expect(count == 1)
    }
}
