"""Words of many languages that say when, or greet: what differs from guest to guest.

Months and weekdays with their short forms, as Unicode's CLDR has them, and the cases
in which Slavic, Finnish and Hungarian weekdays stand in a sentence. A word that an
earlier language has is not written again.
"""

DATES = """
january february march april may june july august september october november december
jan feb mar apr jun jul aug sep oct nov dec sunday monday tuesday wednesday thursday
friday saturday sun mon tue wed thu fri sat sept tues thur thurs
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
janv févr avr juil déc dimanche lundi mardi mercredi jeudi vendredi samedi dim lun mer
jeu ven sam
januar februar märz juni juli oktober dezember okt dez mär sonntag montag dienstag
mittwoch donnerstag freitag samstag so mo di mi do fr sa
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
diciembre ene abr ago dic domingo lunes martes miércoles jueves viernes sábado dom mié
jue vie sáb
janeiro fevereiro março maio junho julho setembro outubro novembro dezembro fev set
out segunda feira terça quarta quinta sexta seg ter qua qui sex
gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre gen mag giu
lug ott domenica lunedì martedì mercoledì giovedì venerdì sabato gio sab
januari februari maart mei augustus mrt zondag maandag dinsdag woensdag donderdag
vrijdag zaterdag zo ma wo vr za
marts maj søndag mandag tirsdag onsdag torsdag fredag lørdag søn man tirs ons tors fre
lør
desember des tir tor
augusti söndag måndag tisdag lördag sön mån tis lör
tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta
syyskuuta lokakuuta marraskuuta joulukuuta tammi helmi maalis huhti touko kesä heinä
elo syys loka marras joulu tammikuu helmikuu maaliskuu huhtikuu toukokuu kesäkuu
heinäkuu elokuu syyskuu lokakuu marraskuu joulukuu sunnuntai maanantaina tiistaina
keskiviikkona torstaina perjantaina lauantaina su ti ke to pe la maanantai tiistai
keskiviikko torstai perjantai lauantai sunnuntaina
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października
listopada grudnia sty lut kwi cze lip sie wrz paź lis gru styczeń luty marzec kwiecień
czerwiec lipiec sierpień wrzesień październik listopad grudzień niedziela poniedziałek
wtorek środa czwartek piątek sobota niedz pon wt śr czw pt sob niedzielę środę sobotę
niedzieli soboty środy piątku wtorku czwartku poniedziałku
ledna února března dubna května června července srpna září října listopadu prosince
led úno bře dub kvě čvn čvc srp zář říj pro leden únor březen duben květen červen
červenec srpen říjen prosinec neděle pondělí úterý středa čtvrtek pátek ne po út st čt
pá neděli středu sobotu
január február március április május június július augusztus szeptember október febr
márc ápr máj jún júl szept vasárnap hétfő kedd szerda csütörtök péntek szombat v h k
sze cs p szo hétfőn kedden szerdán csütörtökön pénteken szombaton
ianuarie februarie martie aprilie iunie iulie septembrie octombrie noiembrie decembrie
ian iun iul duminică luni marți miercuri joi vineri sâmbătă dum mie vin sâm
siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna studenoga
prosinca sij velj ožu tra svi kol ruj stu siječanj veljača ožujak travanj svibanj
lipanj srpanj kolovoz rujan studeni prosinac nedjelja ponedjeljak utorak srijeda
četvrtak petak subota ned uto sri čet pet sub nedjelju srijedu subotu
января февраля марта апреля мая июня июля августа сентября октября ноября декабря янв
февр мар апр июн июл авг сент окт нояб дек январь февраль март апрель май июнь июль
август сентябрь октябрь ноябрь декабрь воскресенье понедельник вторник среда четверг
пятница суббота вс пн вт ср чт пт сб среду пятницу субботу воскресенья понедельника
вторника среды четверга пятницы субботы
січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
січ лют бер квіт трав черв лип серп вер жовт лист груд січень лютий березень квітень
травень червень липень серпень вересень жовтень листопад грудень неділя понеділок
вівторок середа четвер субота нд неділю середу п'ятниця п'ятницю суботу
ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου
οκτωβρίου νοεμβρίου δεκεμβρίου ιαν φεβ μαρ απρ μαΐ ιουν ιουλ αυγ σεπ οκτ νοε δεκ
ιανουάριος φεβρουάριος μάρτιος απρίλιος μάιος ιούνιος ιούλιος αύγουστος σεπτέμβριος
οκτώβριος νοέμβριος δεκέμβριος μάρ μάι ιούν ιούλ αύγ νοέ κυριακή δευτέρα τρίτη τετάρτη
πέμπτη παρασκευή σάββατο κυρ δευ τρί τετ πέμ παρ σάβ
ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık oca şub nis
haz tem ağu eyl eki kas ara pazar pazartesi salı çarşamba perşembe cuma cumartesi paz
pzt sal çar per cum cmt
maret agustus agu minggu senin selasa rabu kamis jumat sabtu min sen sel rab kam jum
يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر الأحد
الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت
"""

# What stands between a number and the name of a day or month, or changes with it:
# "3 pm", "le 7 mai", "a la 1", "we wtorek", "5月7日(木)", "午後3時", "오후 3시".
BESIDE_DATES = """
am pm h uhr de d del du of le l la las el il al a as ao di den der dem am w we v ve ob
в во с со το τη την στις 오전 오후
年 月 日 號 号 時 时 点 點 分 半 午 前 後 后 上 下 早 晚 夜 火 水 木 金 土 一 二 三 四 五 六 天
"""

# Scripts without blanks, and Korean, where a particle hangs on the day: "목요일에".
SIGNS_OF_DATES = (
    "[月火水木金土日]曜日?|(?:星期|[周週])[一二三四五六日天]|[월화수목금토일]요일|"
    r"[ก-ฮ]{1,2}\.[ก-ฮ]{1,2}\.|"
    "มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|"
    "สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม|อาทิตย์|จันทร์|"
    "อังคาร|พุธ|พฤหัสบดี|ศุกร์|เสาร์"
)

GREETINGS = """
hi hello hey dear good morning afternoon evening day greetings welcome bonjour bonsoir
salut coucou cher chere chers hola buenos buenas dias tardes noches estimado estimada
querido querida ola oi bom boa dia tarde noite caro cara ciao buongiorno buonasera salve
gentile hallo guten tag morgen abend liebe lieber moin servus gruezi beste hoi
goedemorgen goedemiddag goedenavond hej hei god morgon kara kare kaere moi hyva czesc
dzien dobry witaj witam drogi droga ahoj dobry den vazeny vazena mila mily szia kedves
buna draga dragi bok postovani merhaba selam sayin sevgili halo selamat здравствуйте
здравствуй привет добрый день вечер утро доброе уважаемый уважаемая дорогой дорогая
вітаю привіт доброго дня γεια καλημερα καλησπερα αγαπητε αγαπητη
"""

BETWEEN_NAMES = (
    "and et und y e i en og och ja a és és si ve и і й та και de la von van der"
)
