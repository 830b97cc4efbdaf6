/// Deliberate faults of the engine, each a sync removed, an order swapped or a check left out: the test suite must turn
/// red for every one of them (storage.md §6, L5). `tools/dev/mutants` builds with `-D III_MUTANTS`, runs the suite once
/// per mutant and prints the table of docs/testing.md.
///
/// Without that flag `isMutant` is the constant false, and the code below it is what the release holds.
enum Mutant: String, CaseIterable {
    /// The log isn't synced after buffered writes.
    case noLogSync
    /// Direct writes are not durable when they return (no O_DSYNC) and nothing else syncs them.
    case noDirectSync
    /// A segment's header isn't synced before its name appears.
    case noHeaderSync
    /// The log directory isn't synced after a segment got its name.
    case noSegmentNameSync
    /// FORMAT's directory entry isn't synced: a created store may vanish.
    case noFormatNameSync
    /// What was recovered isn't synced before it is shown (lesson 6).
    case noRecoverySync
    /// The snapshot's file isn't synced before it is believed.
    case noSnapshotResync
    /// Nobody looks whether LOCK is still there before acknowledging.
    case noLockCheck
    /// The newest segment isn't noted in HEAD, or HEAD isn't believed.
    case noHead
    /// What a second engine wrote behind a segment's fixed end goes unnoticed.
    case noOtherWriterCheck
    /// The snapshot's directory isn't synced when the store is created.
    case noSnapshotNameSync
    /// LMDB commits without syncing.
    case noSnapshotSync
    /// Waiters are told before the write (I1).
    case acknowledgeBeforeSync
    /// Reads don't wait for what they saw (I4).
    case showBeforeDurable
    /// Log segments are retired before the snapshot that covers them is written (I6).
    case retireBeforeSnapshot
    /// The snapshot claims the position of the latest batch instead of the frozen one's.
    case snapshotClaimsTooMuch
    /// A later batch's word that an earlier one was durable is ignored (I7).
    case noDurableThroughCheck
    /// Batches of another use of the file are taken for this one's.
    case noEpochCheck
    /// A missing or spliced batch goes unnoticed.
    case noChainCheck
    /// A torn payload is taken for whole.
    case noPayloadCheck
    /// The log behind the snapshot isn't compared with what the snapshot says (R10).
    case noCheckpointInLogCheck
    /// Recovery goes on in the old segment's successor without fixing the old one's end.
    case noPredecessorCheck
    /// The authentication code of a segment's header isn't checked.
    case noHeaderAuthentication
    /// With a key in force, plain content is believed whatever the store says.
    case plainContentIsBelieved
    /// A rotation names the new key only when it is complete.
    case rotationNamesOneKey
    /// A checkpoint forgets the trimmed ranges.
    case checkpointSkipsTrims
    /// An undone checkpoint forgets the trimmed ranges.
    case thawForgetsTrims
    /// A scan shows rows of the frozen generation that a later trim covers.
    case scanIgnoresLiveTrims
    /// A scan doesn't wait for what it saw in the frozen generation (I4).
    case scanIgnoresFrozen
    /// A read that found a row deleted doesn't wait for the delete (I4).
    case absenceNotSeen
    /// A row that is replaced stays in the snapshot's digest.
    case digestKeepsOldRows
    /// A row that is replaced stays in the sums of the background pass.
    case scrubKeepsOldRows
    /// A checkpoint takes the end of the one before it for its own.
    case staleCheckpointEnd
    /// The batch that a checkpoint ends with isn't synced before the snapshot rests on it (I5).
    case noCheckpointEndSync
    /// A segment's last batch isn't synced before the next segment begins.
    case noSealSync
    /// Every segment has the same epoch: what a recycled file holds passes for its content.
    case sameEpoch
    /// The engine doesn't notice that the active segment was removed.
    case noLinkCheck
    /// Retired segments go newest first: a crash leaves a gap.
    case retireNewestFirst
    /// Checkpoints retire log that a backup is copying.
    case noBackupPin
    /// A backup's directories aren't synced before it gets its name.
    case noBackupNameSync
    /// The store's directory isn't synced when `wal/` and `snapshot/` are created.
    case noRootSync
    /// An opening doesn't sync the newest segment before it shows what it holds.
    case noRecoveryFileSync
    /// An opening doesn't sync the log's names before it shows what they hold.
    case noRecoveryNameSync
    /// An opening on a full disk removes the segment that the checkpoint ends in, too.
    case removeCoveredTooMuch
    /// A segment file that was cut short is taken for whole.
    case noWholeFileCheck
    /// Bytes beyond the end of the log are dropped without a copy.
    case noTailCopy
    /// A batch in another's place is taken for a torn write.
    case noStrayCheck
    /// A sync that ends after the store has failed ends the process with a trap.
    case trapAfterFailure
    /// Who waits for room isn't told that the store closes.
    case refusalNotTold
    /// Closing doesn't wait for backups, and doesn't cancel them.
    case noWaitForBackups
}

@inline(__always)
func isMutant(_ mutant: Mutant) -> Bool {
    #if III_MUTANTS
        return mutant == activeMutant
    #else
        return false
    #endif
}

#if III_MUTANTS
    import Glibc

    /// `III_MUTANT` names it.
    private let activeMutant: Mutant? = getenv("III_MUTANT").flatMap { Mutant(rawValue: String(cString: $0)) }
#endif
