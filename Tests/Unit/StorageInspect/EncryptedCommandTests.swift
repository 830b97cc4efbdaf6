import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Every command on an encrypted store: with its key as on a plain one; without it what is readable all the same, or a
/// refusal that says how to give it; with another one a refusal; and never a word of what the store holds.
@Suite(.serialized) struct EncryptedCommandTests {
    /// Names in capitals stand for paths.
    private static let commands: [(words: [String], shows: String)] = [
        (["summary", "STORE"], "sound"),
        (["snapshot", "STORE"], "key id"),
        (["segments", "STORE"], "1"),
        (["batches", "STORE"], "1"),
        (["records", "STORE", "--full"], "value 30"),
        (["snapshot", "STORE", "--rows", "--full"], "value 7"),
        (["get", "STORE", "--table", "1", "key 7"], "value 7"),
        (["get", "STORE", "--table", "1", "key 30"], "value 30"),
        (["history", "STORE", "--table", "1", "key 30", "--full"], "value 30"),
        (["verify", "STORE"], ""),
        (["verify", "STORE", "--deep"], ""),
        (["diff", "LIVE", "COPY"], ""),
        (["export", "STORE"], "{"),
        (["salvage", "STORE", "--to", "TARGET"], ""),
        (["backup", "STORE", "--to", "TARGET"], ""),
        (["export", "STORE", "--output", "FILE"], ""),
        (["import", "FILE", "--to", "TARGET"], ""),
    ]
    /// Need no key: what they show is readable (docs/encryption.md).
    private static let keyless: Set<String> = [
        "summary STORE", "snapshot STORE", "segments STORE", "batches STORE", "verify STORE", "verify STORE --deep",
    ]
    /// Reads no encrypted store.
    private static let plain = "import FILE --to TARGET"

    @Test func withItsKeyAndWithout() throws {
        let scratch = try Scratch()
        let (store, key) = try Self.encrypted(scratch)
        let other = scratch.path + "/other"
        #expect(Run("keygen", "--output", other).status == .sound)
        _ = try StoreFilesCopy(source: store + ".live", target: store + ".copy").run { _ in }
        for (number, command) in Self.commands.enumerated() {
            func run(_ keys: [String], _ suffix: String) -> Run {
                let paths = [
                    "STORE": store, "LIVE": store + ".live", "COPY": store + ".copy",
                    "TARGET": "\(scratch.path)/to-\(number)\(suffix)",  // An export replaces nothing.
                    "FILE": scratch.path + "/rows.ndjson" + (command.words.first == "export" ? suffix : ""),
                ]
                return Run(command.words.map { paths[$0] ?? $0 } + keys)
            }
            let name = command.words.joined(separator: " ")
            let good = run(["--key-file", key], "")
            #expect(good.status == .sound, "\(name): \(good.status) \(good.errors)")
            #expect(good.text.contains(command.shows), "\(name): \(good.text)")
            for (suffix, keys) in [("-without", []), ("-other", ["--key-file", other])] {
                let bad = run(keys, suffix)
                #expect(!bad.text.contains("value "), "\(name): \(bad.text)")
                if keys.isEmpty, Self.keyless.contains(name) {
                    #expect(bad.status == .sound, "\(name) \(suffix): \(bad.status) \(bad.errors)")
                    continue
                }
                if name == Self.plain { continue }
                #expect(bad.status == .usage, "\(name) \(suffix): \(bad.status) \(bad.errors)")
                for hint in ["--key-file", "III_STORAGE_KEY"] {
                    #expect(bad.errors.contains(hint), "\(name) \(suffix): \(bad.errors)")
                }
            }
        }
    }

    /// Headers, extent and checksums are readable: without the key a store is told from a damaged one, and what was not
    /// looked at is named.
    @Test func withoutItsKeyWhatIsReadable() throws {
        let scratch = try Scratch()
        let store = try Self.encrypted(scratch)
        let id = "\(try EncryptionKey(file: store.key).id)"
        for words in [["segments"], ["segments", "--json"], ["batches"], ["batches", "--json"], ["snapshot"]] {
            let words = [words[0], store.path] + words.dropFirst()
            #expect(Run(words).text == Run(words + ["--key-file", store.key]).text, "\(words)")
        }
        #expect(Run("segments", store.path).text.contains("(encrypted with key \(id))"))
        for words in [["summary", store.path], ["verify", store.path], ["verify", store.path, "--deep"]] {
            let run = Run(words)
            #expect(run.status == .sound)
            #expect(run.text.contains("with key \(id)"), "\(run.text)")
            #expect(run.text.contains("the records of 40 batches, the values of 20 rows"), "\(run.text)")
            let withKey = Run(words + ["--key-file", store.key])
            #expect(withKey.text.contains("with key \(id)") && !withKey.text.contains("not verified"))
        }
        let json = try #require(JSON(parsing: Bytes(Run("verify", store.path, "--json").text.utf8)))
        #expect(json["unopenedBatches"]?.integer == 40)
        #expect(json["keyIDs"]?.elements?.compactMap(\.text) == [id])
        let deep = try #require(JSON(parsing: Bytes(Run("verify", store.path, "--deep", "--json").text.utf8)))
        #expect(deep["snapshot"]?["matchesCheckpoint"]?.line == "true")
    }

    @Test func withoutItsKeyDamageIsFound() throws {
        let scratch = try Scratch()
        let store = try Self.encrypted(scratch)
        // In the middle of batch 10, and of one row.
        try StoreFixture.damage(StoreFixture.segment(store.path, 1), at: 10 * LogLimits.blockBytes + 90)
        try CheckpointedStore.rewrite(store.path + "/snapshot/data.mdb") { bytes in
            let name = Array("key 7".utf8)
            for start in bytes.indices.dropLast(64) where bytes[start...].starts(with: name) { bytes[start + 40] ^= 1 }
        }
        for keys in [[], ["--key-file", store.key]] {
            let run = Run(["verify", store.path, "--deep"] + keys)
            #expect(run.status == .damage)
            #expect(run.text.contains("R7 segment 1"), "\(run.text)")
            #expect(run.text.contains("payload checksum does not match"), "\(run.text)")
            #expect(run.text.contains("lost row      state key 7"), "\(run.text)")
            #expect(!run.text.contains("likely lost"), "of sealed records nothing can be read: \(run.text)")
        }
    }

    /// A store whose encryption was switched off holds plain content behind encrypted content. With the key as the current
    /// one that is what somebody without the key would have put there, so the operator says it.
    @Test(arguments: [false, true]) func encryptionThatWasSwitchedOff(_ isHalfway: Bool) throws {
        let scratch = try Scratch()
        let (live, store, key) = (scratch.path + "/live", scratch.path + "/store", scratch.path + "/key")
        #expect(Run("keygen", "--output", key).status == .sound)
        var options = StoreFixture.options
        options.retainLogBytes = .max
        options.encryption.current = try EncryptionKey(file: key)
        try StoreFixture.closed(live, rows: 20, options: options)
        options.encryption = EncryptionKeys(current: nil, previous: [try EncryptionKey(file: key)])
        let open = try Store.open(path: live, options: options)
        try StoreFixture.put(open, 21...40)
        if !isHalfway { try open.checkpoint() }
        _ = try StoreFilesCopy(source: live, target: store).run { _ in }
        try open.close()
        for words in [
            ["verify", store, "--deep"], ["records", store, "--full"], ["export", store],
            ["get", store, "--table", "1", "key 7"], ["get", store, "--table", "1", "key 30"],
            ["snapshot", store, "--rows"], ["salvage", store, "--to", scratch.path + "/saved"],
        ] {
            let run = Run(words + ["--encryption-off", "--key-file", key])
            #expect(run.status == .sound, "\(words): \(run.errors) \(run.text)")
            let forged = Run(words.map { $0 == scratch.path + "/saved" ? $0 + "-2" : $0 } + ["--key-file", key])
            #expect([.damage, .usage].contains(forged.status), "\(words): \(forged.text)")
        }
        let verify = Run("verify", store, "--key-file", key)
        #expect((verify.text + verify.errors).contains("--encryption-off"), "\(verify.text)")
        #expect(Run("summary", store).status == .sound, "it is readable as far as any encrypted store")
    }

    private static func encrypted(_ scratch: Scratch) throws -> (path: String, key: String) {
        let (store, key) = (scratch.path + "/store", scratch.path + "/key")
        #expect(Run("keygen", "--output", key).status == .sound)
        var options = StoreFixture.options
        options.retainLogBytes = .max
        options.encryption.current = try EncryptionKey(file: key)
        let open = try Store.open(path: store + ".live", options: options)
        try StoreFixture.put(open, 1...20)
        try open.checkpoint()
        try StoreFixture.put(open, 21...40)
        _ = try StoreFilesCopy(source: store + ".live", target: store).run { _ in }
        try open.close()
        return (store, key)
    }

    /// After a rotation the log holds batches of both keys.
    @Test func withBothKeys() throws {
        let scratch = try Scratch()
        let (store, key, next, _) = try StoreFixture.rotated(scratch)
        let both = ["--key-file", next, "--key-file", key]
        for words in [
            ["verify", store, "--deep"], ["records", store, "--full"], ["history", store, "--table", "1", "key 7"],
            ["get", store, "--table", "1", "key 30"],
        ] {
            let run = Run(words + both)
            #expect(run.status == .sound, "\(words): \(run.errors)")
        }
        let old = Run(["records", store, "--full", "--key-file", next])
        #expect(old.status == .usage && old.errors.contains("key"), "\(old.status) \(old.errors)")
    }
}
