using System.Collections.Frozen;

namespace EmailService.Accounts;

/// <summary>Domains that no customer of ours can send as, because their DNS is somebody else's: those of mailbox providers, whose addresses anybody
/// can have, and those under which registries and hosters give out names. Not complete; what is missing here fails when it is verified.</summary>
public static class OthersDomains
{
    /// <summary>Of providers; names below them are theirs too.</summary>
    private static readonly FrozenSet<string> Mailboxes = Words("""
        gmail.com googlemail.com outlook.com outlook.de outlook.fr outlook.es hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es live.com live.co.uk
        live.fr live.nl live.de msn.com yahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.it yahoo.es yahoo.com.br yahoo.co.in yahoo.co.jp ymail.com rocketmail.com aol.com aol.de
        icloud.com me.com mac.com proton.me protonmail.com pm.me gmx.de gmx.net gmx.at gmx.ch gmx.com web.de t-online.de freenet.de posteo.de mailbox.org mail.com email.com
        orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it alice.it bluewin.ch mail.ru bk.ru inbox.ru list.ru yandex.ru yandex.com ya.ru rambler.ru
        qq.com 163.com 126.com sina.com foxmail.com naver.com daum.net hanmail.net comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net btinternet.com
        sky.com virginmedia.com talktalk.net shaw.ca rogers.com bigpond.com telus.net uol.com.br bol.com.br terra.com.br seznam.cz centrum.cz wp.pl o2.pl onet.pl interia.pl
        zoho.com fastmail.com tutanota.com tuta.com hey.com ziggo.nl kpnmail.nl telenet.be skynet.be rediffmail.com
        """);

    /// <summary>Where a name below may be anybody's with a DNS of its own.</summary>
    private static readonly FrozenSet<string> Registries = Words("""
        co.uk org.uk me.uk ltd.uk plc.uk net.uk ac.uk gov.uk com.au net.au org.au edu.au gov.au id.au co.nz net.nz org.nz com.br net.br org.br gov.br co.jp ne.jp or.jp ac.jp go.jp
        co.kr or.kr com.cn net.cn org.cn gov.cn com.hk com.tw org.tw com.sg com.my co.id co.th com.ph com.vn co.in net.in org.in firm.in gov.in co.za org.za com.ng co.ke com.eg
        com.tr org.tr com.ua co.il org.il com.sa com.ar com.mx org.mx com.co com.pe com.ve com.uy com.ec com.pl net.pl org.pl com.pt com.es org.es com.gr com.ro co.at or.at com.ru
        """);

    /// <summary>Where a name below is a customer's, and its DNS the hoster's.</summary>
    private static readonly FrozenSet<string> Hosters = Words("""
        github.io gitlab.io herokuapp.com azurewebsites.net cloudapp.net vercel.app netlify.app pages.dev workers.dev web.app firebaseapp.com appspot.com run.app fly.dev
        onrender.com railway.app amazonaws.com cloudfront.net digitaloceanspaces.com ondigitalocean.app myshopify.com wordpress.com blogspot.com wixsite.com ngrok.io ngrok.app
        ngrok-free.app
        """);

    /// <summary>Why the account cannot send as the domain, and what to do instead; null when nothing is known against it.</summary>
    /// <param name="name">Lower-case ASCII.</param>
    public static string? WhyNot(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Registries.Contains(name))
        {
            return $"Under {name} anybody can register a name. Give the name that is yours, such as example.{name}.";
        }

        foreach (var parent in SendingDomains.WithParents(name))
        {
            if (Mailboxes.Contains(parent))
            {
                return $"{parent} belongs to a mailbox provider, and only the provider can publish the DNS records that mail from it needs. "
                    + "Send from a domain of your own, and put the address into reply_to.";
            }

            if (Hosters.Contains(parent))
            {
                return $"The DNS of all names under {parent} is the hoster's, so the records that mail needs cannot be published. Send from a domain of your own.";
            }
        }

        return null;
    }

    private static FrozenSet<string> Words(string text) =>
        text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);
}
