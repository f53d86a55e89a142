package import Authority
package import PortalBase
package import Procedures

/// What happened to a case (留痕): who did what, and the facts that came of it. Nothing is ever changed in one.
package struct Event: Sendable, Equatable {
    /// Position among the case's own, from 1.
    package let version: Int
    /// When it counts: receipt at the edge for what a citizen sent, else when it was decided.
    package let at: Instant
    package let actor: Actor
    /// The action, or a name of `Process.EventName`.
    package let action: String
    package let task: Int?
    package let inputs: [String: InputValue]
    package let facts: [Fact]
    /// What the officer signed; nil of an act below level 4.
    package let signed: SignedAct?

    package init(
        version: Int, at: Instant, actor: Actor, action: String, task: Int?, inputs: [String: InputValue],
        facts: [Fact],
        signed: SignedAct? = nil
    ) {
        self.version = version
        self.at = at
        self.actor = actor
        self.action = action
        self.task = task
        self.inputs = inputs
        self.facts = facts
        self.signed = signed
    }
}

extension Event {
    package var isBeginning: Bool { action == Process.EventName.begin }
}

/// Who acts.
package enum Actor: Sendable, Hashable {
    case citizen
    case clock
    case officer(Officer)

    /// Everybody whose act it is.
    package var persons: Set<String> { if case .officer(let officer) = self { officer.persons } else { [] } }
}

/// What somebody typed or chose.
package enum InputValue: Sendable, Hashable {
    case text(String)
    case list([String])
    case number(Int)
    case limit(Process.Limit)
    /// To a field of the form, as the form keeps it.
    case answer(JSON)

    /// As an answer of the subject that it begins; nil where it says nothing.
    package var answer: JSON? {
        switch self {
        case .text(let text): text.isEmpty ? nil : .string(text)
        case .number(let number): .integer(number)
        case .list(let list): .array(list.map(JSON.string))
        case .limit(let limit): .string(limit.description)
        case .answer(let answer): answer
        }
    }

    var isEmpty: Bool {
        switch self {
        case .text(let text): text.isEmpty
        case .list(let list): list.isEmpty
        case .number, .limit, .answer: false
        }
    }
}

/// A file of a case (材料). Its bytes lie beside the log.
package struct CaseDocument: Sendable, Hashable {
    /// Within the case, from 0.
    package let number: Int
    /// Of the form.
    package let field: String
    package let name: String
    /// Media type.
    package let type: String
    package let bytes: Int
    package let digest: SHA256Digest

    package init(number: Int, field: String, name: String, type: String, bytes: Int, digest: SHA256Digest) {
        self.number = number
        self.field = field
        self.name = name
        self.type = type
        self.bytes = bytes
        self.digest = digest
    }
}

/// A closed list: what the fold, the projections and the outbox know, and nothing else. A fact is never renamed or given another
/// meaning.
package enum Fact: Sendable, Equatable {
    case begun(lead: String?)
    case entered(state: String)
    /// What the event's inputs say to these fields counts from now on.
    case answered(fields: [String])
    case filed(CaseDocument)
    /// Of a class that few see (举报); what the answers said stands here, so that erasing them changes nothing.
    case classified(String)
    case opened(task: Int, kind: String, unit: String, isLead: Bool, round: Int, budget: Process.Limit?)
    case closed(task: Int, outcome: String)
    case assigned(task: Int, person: String)
    case started(clock: String, since: Instant, budget: Process.Limit?)
    case paused(clock: String, ground: String)
    case resumed(clock: String)
    case extended(clock: String, by: Process.Limit)
    case stopped(clock: String)
    case fired(clock: String, instance: Int, rung: Int)
    /// The citizen is told the state, and words of the officer where there are some.
    case told(Process.CitizenState, text: String?)
    /// Officers are reminded, by unit.
    case notified(units: [String])
    case requested(name: String, fields: [String], within: Process.Limit)
    case answeredRequest(name: String)
    /// - number: 0 until the store gives the next of the series.
    /// - organ: the unit that draws up and signs a paper of this number; nil where the number is all there is.
    case issued(document: String, series: String, number: Int, organ: String?)
    /// A paper, by its place in the case, was drawn up as a file of the case.
    case drawn(paper: Int, file: Int)
    /// Its organ signed it; the signature is a file of the case. What was issued before under the same name is replaced.
    case signed(paper: Int, signature: Int)
    /// It counts no more (撤销).
    case revoked(paper: Int)
    case published(Process.Page)
    case retracted(Process.Page)
    case related(String, as: String)
    case unrelated(String)
    case counted(String)
    case scored(String, Int)
    case flagged(String)
    /// A post (任), from when the event counts.
    case appointed(person: String, role: String, unit: String, until: Instant?)
    /// The post that the subject was is none any more (免).
    case ended
    /// A key that shows who somebody is, by the SHA-256 of the public key in hexadecimal.
    case trusted(person: String, key: String, level: Int)
    case distrusted
    /// What an event of the clock did is taken back, since somebody had acted in time; its flags and counts go. State, tasks and
    /// clocks follow as facts of their own; a number that was issued stays used.
    case undone(version: Int, flags: [String], counts: [String])
    /// What a unit did in it is left out of assessments (考核剔除): somebody decided so.
    case excused(unit: String)
    /// A legal hold: its erasure is put off while a dispute lasts, and no more.
    case legalHold
    case legalHoldEnded
    /// The case continues by the definition of this digest; the renaming applies to the events before.
    case adopted(SHA256Digest, Renaming)
    /// Every word of it was destroyed; nothing follows.
    case erased(ErasureGround, confirmedBy: String)
}

/// Why the words of a subject are destroyed. The names of orders are those of 个人信息保护法 article 47.
package enum ErasureGround: String, Sendable, CaseIterable {
    /// The term of its process is over (保存期限届满).
    case term
    /// The purpose is achieved or cannot be (处理目的已实现、无法实现).
    case purposeAchieved
    /// The service has ended (停止提供服务).
    case serviceEnded
    /// Consent was withdrawn (撤回同意).
    case consentWithdrawn
    /// It was against a law or an agreement (违法、违约处理).
    case unlawful
    /// Another law says so.
    case otherLaw
}
